"""What a sweep came to: a table of its runs, the best first, and below it a plot that the cursor moves in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label

from core.errors import UserError, describe
from core.runs.catalog import RunSummary
from core.runs.choosing.outcome import FIGURES, Outcome, Trial
from core.runs.run import Run
from core.runs.settings import as_text, title
from core.runs.status import State
from core.text import printable
from tui import formatting
from tui.background.readers import OutcomeReader
from tui.messages import RunOpened
from tui.screens.base import SCREENS, BaseScreen
from tui.screens.dialogs import Confirm
from tui.screens.selection import Shared
from tui.screens.sweeps.plot import LOOKS, SweepPlot
from tui.widgets.bars import KeyLine, TopBar
from tui.widgets.row_table import RowTable

QUEUE_SECONDS = 5.0  # with somebody else who starts runs
IMPORTANCE = ("run", "state")


class SweepScreen(BaseScreen[None]):
    """Opened by `W` on a run of a sweep."""

    ABOUT = "sweep: its runs by a figure, one setting against it, and all of them as parallel coordinates"
    CSS = """
    SweepScreen #sweep { height: 1fr; }
    SweepScreen RowTable { height: 2fr; background: $background; }
    SweepScreen SweepPlot { height: 3fr; }
    SweepScreen.-table SweepPlot { display: none; }
    SweepScreen.-short SweepPlot { display: none; }
    SweepScreen #summary { height: auto; max-height: 2; width: 100%; padding: 0 1; color: $text-muted; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", tooltip="back to the list", id="sweep.back"),
        Binding(
            "enter",
            "open_run",
            "open",
            key_display="enter",
            tooltip="show how the run trains",
            id="sweep.open",
            show=False,
            priority=True,
        ),
        Binding(
            "v",
            "next_view",
            "plot",
            tooltip="one setting against the figure, all settings as parallel coordinates, or the table alone",
            id="sweep.view",
        ),
        Binding("x", "x_axis", "setting", tooltip="the next setting on the x axis", id="sweep.setting"),
        Binding("o", "order", "figure", tooltip="compare the runs by the next figure", id="sweep.figure"),
        Binding("s", "stop", "stop", tooltip="stop the whole sweep: save and stop, none waits (asks)", id="sweep.stop"),
        Binding("r", "resume", "resume", tooltip="have all that is left wait in the queue", id="sweep.resume"),
        Binding("g", "edge(0)", "first", tooltip="the first run", id="sweep.first", show=False),
        Binding("G", "edge(-1)", "last", tooltip="the last run", id="sweep.last", show=False),
        Binding("home", "edge(0)", id="sweep.home", show=False, priority=True),
        Binding("end", "edge(-1)", id="sweep.end", show=False, priority=True),
    ]

    def __init__(self, shared: Shared, name: str, key: str) -> None:
        super().__init__(shared)
        self._sweep, self._key = name, key
        self.found: Outcome | None = None
        self._figure: str | None = None  # the usual one where none was chosen
        self._trials: Sequence[Trial] = ()
        self._follower = self.add_follower(self._show_outcome)

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, "runs")
        with Vertical(id="sweep"):
            table: RowTable[Trial] = RowTable({"run": lambda trial: Text(printable(trial.run.name))})
            yield table
            yield SweepPlot()
        yield Label("looking for its runs", id="summary", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(TopBar).show_run(f"sweep {printable(self._sweep)}", Text())
        self._follower.follow(lambda: OutcomeReader(self.shared.runs_dir, self._key))
        self.table.focus()

    @property
    def table(self) -> RowTable[Trial]:
        return self.query_one(RowTable)

    @property
    def figure(self) -> str:
        """By what runs are compared."""
        return self._figure or (self.found.usual_figure if self.found else "val_loss")

    @property
    def chosen(self) -> Trial | None:
        """The run under the cursor."""
        return self._trials[self.table.cursor] if self._trials else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "step_run":
            return False  # the cursor steps
        if action == "x_axis":
            several = self.found is not None and len(self.found.varied) > 1
            return (several and self.query_one(SweepPlot).look == LOOKS[0]) or None
        if action == "stop":
            return any(self._active_and_waiting()) or None
        if action == "resume":
            return bool(self.found and self.found.left) or None
        return super().check_action(action, parameters)

    def say_why_not(self, action: str) -> bool:
        if self.found is None or self.check_action(action, ()) is not None:
            return False
        one_setting = len(self.found.varied) < 2
        reasons = {
            "x_axis": "its runs differ in one setting at most"
            if one_setting
            else "v shows one setting at a time first",
            "stop": "none of its runs trains or waits",
            "resume": "nothing is left: each of its runs has finished, trains or waits",
        }
        self.notify(reasons[action], severity="warning", timeout=4, markup=False)
        return True

    # What is shown

    def _show_outcome(self, found: Outcome) -> None:
        here = self.chosen
        self.found = found
        self._trials = found.in_order(self.figure)
        known = [name for name in FIGURES if found.has(name)]
        columns: dict[str, Callable[[Trial], Text]] = {
            "run": lambda trial: Text(printable(trial.run.name)),
            "state": lambda trial: formatting.state(trial.summary),
        }
        columns |= {title(name): _setting(name) for name in found.varied}
        columns |= {name.replace("_", " "): _figure(name) for name in known}
        best = found.best(self.figure)
        columns["best"] = lambda trial: Text("best" if best is not None and trial.run == best.run else "")
        sign = {self.figure.replace("_", " "): " ▲"}
        places = [place for place, trial in enumerate(self._trials) if here and trial.run == here.run]
        with self.app.batch_update():
            self.table.show(self._trials, next(iter(places), 0))
            self.table.change_columns(columns, sign, (*IMPORTANCE, *sign, *map(title, found.varied)))
            self.query_one("#summary", Label).update(printable(found.summary(self.figure)))
            self._draw()
        self.refresh_bindings()

    def _draw(self) -> None:
        chosen = self.chosen
        self.query_one(SweepPlot).show(self.found, self.figure, None if chosen is None else chosen.run)

    def on_row_table_moved(self) -> None:
        self._draw()

    def on_row_table_chosen(self) -> None:
        self.action_open_run()

    def action_open_run(self) -> None:
        if chosen := self.chosen:
            self.post_message(RunOpened(chosen.run))

    def action_edge(self, place: int) -> None:
        self.table.move_to(place % max(1, len(self._trials)))

    def action_back(self) -> None:
        self.dismiss()

    def action_next_view(self) -> None:
        look = self.query_one(SweepPlot).turn()
        self.set_class(look == LOOKS[-1], "-table")
        self.refresh_bindings()

    def action_x_axis(self) -> None:
        self.query_one(SweepPlot).next_setting()

    def action_order(self) -> None:
        if self.found is None:
            return
        known = [name for name in FIGURES if self.found.has(name)] or [self.figure]
        place = known.index(self.figure) + 1 if self.figure in known else 0
        self._figure = known[place % len(known)]
        self._show_outcome(self.found)

    # The whole sweep

    def _active_and_waiting(self) -> tuple[list[RunSummary], list[RunSummary]]:
        runs = [trial.summary for trial in self._trials]
        return [run for run in runs if run.is_active], [run for run in runs if run.state is State.QUEUED]

    def action_stop(self) -> None:
        active, waiting = self._active_and_waiting()

        def answered(yes: bool | None) -> None:
            if yes:
                self._stop([run.run for run in active], [run.run for run in waiting])

        said = f"Save and stop {formatting.count(len(active), 'run')}" if active else "Stop the sweep"
        waits = f", and take {formatting.count(len(waiting), 'run')} out of the queue" if waiting else ""
        self.app.push_screen(Confirm(f"{said}{waits}?", "stop", "let it run"), answered)

    @work(thread=True)
    def _stop(self, active: Sequence[Run], waiting: Sequence[Run]) -> None:
        from core.jobs import launch
        from core.jobs.queue.waiting import leave

        for run in waiting:
            self._try(lambda: leave(run))  # noqa: B023 - done at once
        for run in active:
            self._try(lambda: launch.send_request(run, "stop"))  # noqa: B023
        self.app.call_from_thread(self._follower.poll_now)

    def action_resume(self) -> None:
        if self.found:
            self._resume([run.run for run in self.found.left])

    @work(thread=True)
    def _resume(self, left: Sequence[Run]) -> None:
        from core.jobs import launch
        from core.jobs.queue.starting import start_waiting
        from core.jobs.queue.waiting import enqueue

        def enter(run: Run) -> None:
            launch.prepare_resume(run, data_dir=self.shared.data_dir)
            enqueue(run, data_dir=self.shared.data_dir)

        for run in left:
            self._try(lambda: enter(run))  # noqa: B023
        self._try(lambda: start_waiting([self.shared.runs_dir], QUEUE_SECONDS))
        self.notify(f"{formatting.count(len(left), 'run')} put into the queue", timeout=2)
        self.app.call_from_thread(self._follower.poll_now)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (UserError, OSError) as error:
            self.notify(describe(error), severity="error", markup=False)


def _setting(name: str) -> Callable[[Trial], Text]:
    return lambda trial: Text(as_text(trial.settings.get(name, formatting.NONE)), justify="right")


def _figure(name: str) -> Callable[[Trial], Text]:
    return lambda trial: Text(_number(trial.figures.get(name)), justify="right")


def _number(value: float | None) -> str:
    return formatting.NONE if value is None else f"{value:.4g}"
