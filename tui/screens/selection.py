"""What all screens share: the selected run and the terminal's graphics, and one signal that tells of a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.dom import DOMNode
from textual.signal import Signal
from textual.widget import Widget

from core.errors import DamagedFile, describe
from tui.configuration.configuration import Configuration
from tui.configuration.settings import Setting
from tui.run_looks import SIGNS

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.run import Run
    from core.sketch.sheet import Sheet
    from tui.messages import Moment
    from tui.terminal.graphics import Graphics


@dataclass(frozen=True)
class Timing:
    """Seconds between two polls, drawings of curves, steps of denoising, frames, notes, tries, looks at the clock.

    And between two moments of a training that is played.
    """

    poll: float = 0.5
    draw: float = 1.0
    denoise: float = 0.8
    frame: float = 0.2
    progress: float = 0.5
    retry: float = 2.0
    clock: float = 1.0
    moment: float = 0.4


@dataclass(frozen=True)
class Selection:
    """The run that screens show, at which moment, None for now, and what draws pictures in place of half-blocks.

    And whether the queue is paused.
    """

    run: Run | None = None
    moment: Moment | None = None
    graphics: Graphics | None = None
    queue_paused: bool = False


class Shared:
    """The present selection; the app changes it, and every mounted screen hears of it by `changed`.

    `data_dir` is the folder of the image sets, `runs_dir` that of the runs, `deleted` the runs that were deleted as
    they lie in the trash, the last one last, `strokes` the pencil's sheet before each of the last, and now.
    """

    def __init__(
        self, app: DOMNode, run: Run | None, timing: Timing, data_dir: Path | None = None, runs_dir: Path = Path()
    ) -> None:
        self.selection, self.timing, self.data_dir, self.runs_dir = Selection(run), timing, data_dir, runs_dir
        self.deleted: list[Run] = []
        self.strokes: list[Sheet] = []  # empty until the pencil is opened
        self.renaming: set[Run] = set()  # those that are about to have another name
        self.listed: list[Run] = []  # in the order of the list, as it was shown last
        self.changed: Signal[Selection] = Signal(app, "selection")
        self.find_runs: Callable[[], list[Run]] = list
        self.folder: Path | None = None  # where the app was started
        self.configuration = Configuration()
        self._keeping_failed = False
        self._to_be_saved: dict[Run, int | None] = {}  # the step that was saved before
        self.marked: list[Run] = []  # to be acted on or compared together, the first one first
        self._places: dict[Run, int] = {}

    def export_folder(self) -> Path:
        """The folder that files are exported to. Raises OSError."""
        return self.folder or Path.cwd()

    def remember(self, widget: Widget, values: Mapping[Setting[Any], Any]) -> None:
        """Keep what was chosen from one use to the next, off the UI thread; that this fails is said once."""
        if self.configuration.choose(values):
            widget.run_worker(partial(self._write, widget), thread=True, group="memory")

    def _write(self, widget: Widget) -> None:
        try:
            self.configuration.write()
        except (OSError, DamagedFile) as error:
            if not self._keeping_failed:
                self._keeping_failed = True
                widget.notify(describe(error), severity="warning", markup=False)

    def mark(self, runs: Sequence[Run], marked: bool) -> None:
        """Mark these runs besides those that are marked, or mark them no more."""
        named = set(runs)
        rest = [run for run in self.marked if marked or run not in named]
        there = set(rest)
        self.marked = [*rest, *(run for run in runs if marked and run not in there)]
        self.tell_apart(self.marked)

    def tell_apart(self, runs: Sequence[Run]) -> None:
        """Give runs that are shown together signs of their own: each keeps its place unless one before it has it."""
        taken: set[int] = set()
        kept = {self._places[run] for run in runs if run in self._places}
        free = 0
        for run in runs:
            place = self._places.get(run)
            while free in taken or free in kept:
                free += 1
            if place is None or place in taken or place >= len(SIGNS) > free:
                place = free
            self._places[run] = place
            taken.add(place)

    def rename(self, run: Run, renamed: Run) -> None:
        """The run has another name: it keeps its mark, its colour, and is shown on."""
        self.renaming.discard(run)
        self.marked = [renamed if other == run else other for other in self.marked]
        self.listed = [renamed if other == run else other for other in self.listed]
        if run in self._places:
            self._places[renamed] = self._places.pop(run)
        if self.selection.run == run:
            self.select(renamed)

    def await_save(self, summary: RunSummary) -> None:
        """A trainer was asked to save this run."""
        self._to_be_saved[summary.run] = summary.status.saved_step if summary.status else None

    def was_saved(self, summary: RunSummary) -> bool:
        """Whether a save that is awaited is done, told once."""
        run, saved = summary.run, summary.status.saved_step if summary.status else None
        done = run in self._to_be_saved and saved is not None and saved != self._to_be_saved[run]
        if done:
            del self._to_be_saved[run]
        return done

    def place_of(self, run: Run) -> int:
        """The run's place among colours and signs, which it keeps while no run that is shown with it has the same."""
        if run not in self._places:
            self.tell_apart([*self.marked, run])
        return self._places[run]

    def select_marked(self) -> None:
        """Have screens show the first marked run, unless they show one of the first two or fewer are marked."""
        if len(self.marked) > 1 and self.selection.run not in self.marked[:2]:
            self.select(self.marked[0])

    def select(self, run: Run | None) -> None:
        """Have screens show another run, or none, as it is now."""
        if run != self.selection.run:
            self._change(replace(self.selection, run=run, moment=None))

    def look_at(self, moment: Moment | None) -> None:
        """Have screens look at another moment of the training of the run, or at its newest weights."""
        self._change(replace(self.selection, moment=moment))

    def draw_with(self, graphics: Graphics | None) -> None:
        """Have pictures drawn by these graphics, or as half-blocks."""
        self._change(replace(self.selection, graphics=graphics))

    def pause_queue(self, paused: bool) -> None:
        """Have screens show whether the queue is paused."""
        self._change(replace(self.selection, queue_paused=paused))

    def _change(self, selection: Selection) -> None:
        if selection != self.selection:
            self.selection = selection
            self.changed.publish(selection)
