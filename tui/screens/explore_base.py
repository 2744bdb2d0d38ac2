"""What screens that look into a run do: they ask its explorer off the UI thread, for the weights that are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Label

from core.errors import describe
from core.explorer.protocol import Explorer, Report
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS, Preset
from core.runs.architecture.sizes import Sizes
from core.runs.config import RunConfig
from core.runs.run import Run
from core.text import printable
from tui import formatting
from tui.background.polling import Reader
from tui.background.tasks import LatestTaskQueue, show_in_app
from tui.messages import Moment, Moments, RunUpdate
from tui.screens.asking import Abandoned, Answers
from tui.screens.base import SCREENS, BaseScreen
from tui.screens.exporting import Export, export_files
from tui.screens.selection import Shared
from tui.widgets.bars import Heading, KeyLine, Note, TopBar

T = TypeVar("T")
ROOMY = 64  # columns: with fewer, what is shown is worth more than a note


@dataclass(frozen=True)
class ExploreSources:
    """What screens that look into a run read from: its state, an explorer for a task that reports, its moments."""

    updates: Callable[[Run], Reader[RunUpdate]]
    explorer: Callable[[Run, Report], Explorer]
    moments: Callable[[Run], Reader[Moments]]


class ExploreScreen(BaseScreen[int | None]):
    """Looks into the selected run."""

    EXPLORES = True
    TITLE_IN_BAR: ClassVar[str]

    DEFAULT_CSS = """
    ExploreScreen #line { height: 1; }
    ExploreScreen #heading { width: 1fr; padding: 0 1; text-overflow: ellipsis; }
    ExploreScreen #status { max-width: 60%; color: $text-muted; text-overflow: ellipsis; }
    ExploreScreen #none { display: none; width: 100%; height: 1fr; content-align: center middle; text-align: center; }
    ExploreScreen.-norun #none { display: block; }
    ExploreScreen.-norun #body { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "export", "export", tooltip="write what is shown to files", id="export"),
        Binding("n", "app.new_run", "new", tooltip="fill in the form of a new run", id="explore.new_run", show=False),
        Binding("F", "fork", "fork", tooltip="fork: a new run that goes on from here", id="run.fork", show=False),
        Binding("escape", "app.show('runs')", "runs", tooltip="back to the runs", id="explore.runs", show=False),
    ]

    @dataclass
    class TaskProgress(Message):
        """A task about a run takes long and says what it does, or nothing when all tasks are done."""

        run: Run | None
        words: str

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ExploreScreen.TaskProgress)

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared)
        self.sources = sources
        self.run_update: RunUpdate | None = None
        self._run_follower = self.add_follower(self._update)
        self._tasks: LatestTaskQueue | None = None
        self._config: RunConfig | None = None  # as long as the run is the same, so is this
        self._retry: Timer | None = None
        self._size_requested: Size | None = None
        self._note = self._words = self._awaited = ""
        self.answers = Answers()

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, self.title_in_bar)
        with Horizontal(id="line"):
            yield Heading(id="heading")
            yield Note(id="status")
        yield from self.compose_body()
        yield Label("no run is chosen\n\n1 goes to the runs, n starts a new one", id="none", markup=False)
        yield KeyLine()

    # What a screen must say of itself

    def compose_body(self) -> ComposeResult:
        """The widgets between the bars, in one that has the id `body`."""
        raise LookupError(f"{type(self).__name__} shows nothing")

    def request_content(self) -> None:
        """Ask for everything that is shown: there are newer weights, or there is more room."""
        raise LookupError(f"{type(self).__name__} asks for nothing")

    def reset(self) -> None:
        """Drop what is shown of the run before."""

    def show_message(self, message: str) -> None:
        """Show a message in place of the content."""
        raise LookupError(f"{type(self).__name__} cannot show {message}")

    def to_export(self, run: Run, stem: str) -> Export | None:
        """What is shown of the run, to be written off the UI thread; None while there is nothing."""
        raise LookupError(f"{type(self).__name__} exports nothing")

    @property
    def title_in_bar(self) -> str:
        """The screen of the app that this belongs to."""
        return self.TITLE_IN_BAR

    # The run

    @property
    def moment(self) -> Moment | None:
        """That of the training which is looked at; None for the newest weights."""
        return None

    @property
    def seen_moment(self) -> Moment | None:
        return self.moment  # whose answer is what is seen

    @property
    def preset(self) -> Preset:
        """That of the run, once it is known."""
        return self.run_update.summary.preset if self.run_update else PRESETS[DEFAULT_PRESET]

    @property
    def sizes(self) -> Sizes:
        """Those of its autoencoder, once its settings are known."""
        return self._config.sizes if self._config else Sizes()

    @property
    def step(self) -> int | None:
        """That of the snapshot which is looked at; None for the newest weights."""
        return self.moment.step if self.moment else None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._tasks is not None and self._tasks.busy

    def on_mount(self) -> None:
        self._tasks = LatestTaskQueue(
            partial(show_in_app, self.app), lambda: self.post_message(self.TaskProgress(self.selected_run, ""))
        )

    def on_unmount(self) -> None:
        if self._tasks:
            self._tasks.close()

    def on_screen_suspend(self) -> None:
        self.answers.drop()

    def change_run(self, run: Run | None) -> None:
        super().change_run(run)
        if self._tasks:
            self._tasks.cancel_pending()
        self.run_update = self._config = None
        self._words = self._note = ""
        self.answers.drop()
        self.wait_for("")
        self.reset()
        self._run_follower.follow(partial(self.sources.updates, run) if run else None)

    def _update(self, run_update: RunUpdate) -> None:
        before, self.run_update, summary = self.run_update, run_update, run_update.summary
        self.query_one(TopBar).show_run(printable(summary.run.name), formatting.state(summary))
        replaced = summary.config is not None and self._config not in (None, summary.config)
        self._config = summary.config or self._config
        if replaced:
            self.on_replaced()
        if replaced or before is None or before.weights_version != run_update.weights_version:
            self._request_content()

    def on_replaced(self) -> None:
        """Another run took the place of the one that was shown."""
        self.reset()

    def on_resize(self) -> None:
        # A screen that comes back is told its size again.
        self._show_status()
        if self.run_update is not None and self.size != self._size_requested:
            self.call_after_refresh(self._request_content)

    def _request_content(self) -> None:
        self._size_requested = self.size
        self.request_content()

    # Asking

    def ask(
        self,
        kind: str,
        question: Callable[[Explorer], T],
        show: Callable[[T], object],
        report: Report | None = None,
        tasks: LatestTaskQueue | None = None,
    ) -> None:
        """Show the answer to the newest question of a kind, which waits for the others of `tasks`; `report` is told."""
        run, step = self.selected_run, self.step
        if run is None or self._tasks is None:
            return
        asked, say = self.answers.ask(kind), report or self.reporter(run)

        def show_newest(answer: T) -> None:
            if not self.answers.is_overtaken(kind, asked):
                show(answer)
                self.answers.answered(kind, asked)

        (tasks or self._tasks).submit(kind, lambda: self._answer(run, step, question, show_newest, say))

    def reporter(self, run: Run) -> Report:
        """Says in the status line what a task about a run does; for the thread of the task."""
        return lambda words: self.post_message(self.TaskProgress(run, words))

    def _answer(
        self,
        run: Run,
        step: int | None,
        question: Callable[[Explorer], T],
        show: Callable[[T], object],
        report: Report,
    ) -> None:
        """In the thread of the tasks."""
        try:
            explorer = self.sources.explorer(run, report).at(step)
            answer = question(explorer)
        except Abandoned:
            return
        except Exception as error:  # noqa: BLE001 - what cannot be answered is a message, never the end
            self.call_later(self._deliver, run, step, self._show_failure, describe(error))
        else:
            self.call_later(self._deliver, run, explorer.moment, show, answer, explorer.note)

    def _deliver(self, run: Run, step: int | None, show: Callable[[T], object], answer: T, note: str = "") -> None:
        if (run, step) == (self.selected_run, self.step):
            self._note, self._words = note, ""
            show(answer)
            self._show_status()

    def _show_failure(self, message: str) -> None:
        """Say what is wrong, and ask again before long: files may come back without looking changed."""
        self.answers.drop()
        self.show_message(message)
        if self._retry is None:
            self._retry = self.set_timer(self.shared.timing.retry, self._ask_again)

    def _ask_again(self) -> None:
        self._retry = None
        if self.is_active and self.run_update is not None:
            self._request_content()

    def on_explore_screen_task_progress(self, message: TaskProgress) -> None:
        if message.run == self.selected_run:
            self._words = message.words
            self._show_status()

    def wait_for(self, what: str) -> None:
        """Say in the status line what is computed, until this is called with nothing."""
        if what != self._awaited:
            self._awaited = what
            self._show_status()

    def _show_status(self) -> None:
        short = self._note.partition(":")[0] if self.size.width >= ROOMY else ""
        note = self._note if self.query_one(Heading).longest + len(self._note) + 4 <= self.size.width else short
        said = ": ".join(filter(None, (self._awaited, self._words))) or note
        self.query_one("#status", Note).show(Text(said and f" {said} "))

    def set_heading(self, bold: str = "", rest: str = "", hint: str = "", short: str = "", brief: str = "") -> None:
        """Put this into the line below the bar on top, with short forms of what is bold and of the rest."""
        self.query_one(Heading).say(bold, rest, hint, short, brief)
        self._show_status()

    def action_fork(self) -> None:
        if run := self.selected_run:
            from tui.screens.runs.fork import open_fork

            open_fork(self, run, self.step)

    def action_export(self) -> None:
        if run := self.selected_run:
            then = f"-at-step{self.seen_moment.step}" if self.seen_moment else ""
            export_files(self, self.shared, self.to_export(run, f"{run.name}-{self.TITLE_IN_BAR}{then}"))
