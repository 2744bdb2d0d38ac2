"""Screen 1: all runs, newest first, live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Label

from core.text import printable
from tui import run_looks
from tui.background.polling import Reader
from tui.messages import RunOpened, RunRestored
from tui.run_columns import RUN_COLUMNS
from tui.screens.base import SCREENS
from tui.screens.following import is_seen
from tui.screens.run_actions import RunScreen
from tui.screens.runs.listing.filter_bar import FilterBar
from tui.screens.selection import Shared
from tui.terminal.capabilities import color_depth
from tui.widgets.bars import KeyLine, TopBar
from tui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.run import Run

NO_RUNS = "no runs yet\n\npress n for a new run, then ctrl+s to train it"
NONE_SHOWN = "no run is like that\n\nescape shows all runs, / changes the filter"


class RunsScreen(RunScreen):
    """A table of the runs; what keys do, they do to the run under the cursor."""

    CSS = """
    RunsScreen RowTable { background: $background; }
    RunsScreen #empty { height: 1fr; content-align: center middle; width: 100%; text-align: center; }
    RunsScreen #trouble { height: auto; max-height: 3; width: 100%; padding: 0 1; color: $text-error; }
    RunsScreen #unreadable { height: auto; max-height: 3; width: 100%; padding: 0 1; color: $text-warning; }
    RunsScreen #marked { height: 1; width: 100%; padding: 0 1; display: none; }
    RunsScreen #data { height: auto; width: 100%; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "open_run",
            "open",
            key_display="enter",
            tooltip="show how the run trains",
            id="runs.open",
            priority=True,
        ),
        Binding("slash", "filter", "filter", key_display="/", tooltip="show some runs only", id="runs.filter"),
        Binding("escape", "unfilter", "all", tooltip="show all runs again", id="runs.unfilter", show=False),
        Binding("V", "mark_range", "range", tooltip="mark from the last mark to here", id="runs.range", show=False),
        Binding(
            "asterisk",
            "mark_all",
            "all",
            key_display="*",
            tooltip="mark all that are shown, or none",
            id="runs.all",
            show=False,
        ),
        Binding("g", "edge(0)", id="runs.top", show=False),
        Binding("G", "edge(-1)", id="runs.bottom", show=False),
        Binding("home", "edge(0)", "first", tooltip="the newest run", id="runs.first", show=False, priority=True),
        Binding("end", "edge(-1)", "last", tooltip="the oldest run", id="runs.last", show=False, priority=True),
    ]

    def __init__(
        self,
        shared: Shared,
        open_reader: Callable[[], Reader[list[RunSummary]]],
        data_note: str,
        unreadable: Callable[[], object] = str,
    ) -> None:
        super().__init__(shared)
        self._data_note, self._unreadable = data_note, unreadable
        self._wanted: Run | None = None
        self._failure = ""  # why the runs cannot be read, for as long as they cannot
        self._selected: Run | None = None  # when this screen was seen last
        self._summaries: list[RunSummary] = []
        self._deleted: set[Run] = set()  # that may still be listed
        self._open_reader = open_reader
        self._follower = self.add_follower(self._show_runs, self._show_failure)

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, "runs")
        table: RowTable[RunSummary] = RowTable(RUN_COLUMNS)
        table.display = False
        yield table
        yield Label("looking for runs", id="empty", markup=False)
        yield Label("", id="trouble", markup=False)
        yield Label("", id="unreadable", markup=False)
        yield FilterBar()
        yield Label("", id="marked", markup=False)
        yield Label(self._data_note, id="data", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._follower.follow(self._open_reader)
        # An age changes with nothing but the clock; cells that look as before cost nothing.
        self._clock = self.set_interval(self.shared.timing.clock, self._table.show_again)

    def on_screen_suspend(self) -> None:
        if not is_seen(self):
            self._clock.pause()

    def on_screen_resume(self) -> None:
        self._clock.resume()
        self._table.show_again()
        self.show_marks()
        if not self._filter.is_typed:
            self._table.focus()
        shown = self.shared.selection.run
        self._deleted -= {shown}  # it was taken back
        if shown == self._selected:  # a dialog was closed
            return
        # What was looked at last is what the next key should act on.
        self._selected = shown
        if any(summary.run == shown for summary in self._table.rows):
            self._table.move_to(self._row_of(shown, self._table.rows))
        else:
            self._wanted = shown

    @property
    def _table(self) -> RowTable[RunSummary]:
        return self.query_one(RowTable)

    @property
    def _filter(self) -> FilterBar:
        return self.query_one(FilterBar)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open_run", "edge") and self._filter.is_typed:
            return False  # the keys are those of the line
        if action == "unfilter":
            return self._filter.condition is not None
        return super().check_action(action, parameters)

    def chosen(self) -> RunSummary | None:
        table = self._table
        return table.rows[table.cursor] if table.rows else None

    def hide_deleted(self, run: Run) -> None:
        self._deleted.add(run)
        self._show_rest()

    def show_again(self, run: Run) -> None:
        self._deleted.discard(run)
        self._wanted = run
        self._show_rest()

    def on_run_restored(self, message: RunRestored) -> None:
        self.show_again(message.run)
        self._follower.poll_now()

    def _show_runs(self, summaries: list[RunSummary]) -> None:
        self._summaries = summaries
        self._deleted &= {summary.run for summary in summaries}
        self._show_rest()

    def _show_rest(self) -> None:
        there = [summary for summary in self._summaries if summary.run not in self._deleted]
        condition = self._filter.condition
        summaries = [summary for summary in there if condition is None or condition.holds(summary)]
        chosen, table = self.chosen(), self._table
        wanted = self._wanted or (chosen.run if chosen else None)
        self._failure = ""
        if any(summary.run == self._wanted for summary in summaries):
            self._wanted = None
        with self.app.batch_update():
            table.display = bool(summaries)
            table.show(summaries, self._row_of(wanted, summaries))
            self._filter.count(len(summaries), len(there))
            empty = self.query_one("#empty", Label)
            empty.display = not summaries
            empty.update(NONE_SHOWN if there else NO_RUNS)
            if summaries and self.focused is None:
                table.focus()
            gone = set(self.shared.marked) - {summary.run for summary in there}
            self.shared.mark([*gone], False)
            self.show_marks()
        self._explain()

    def _show_failure(self, reason: str) -> None:
        """The folder of the runs cannot be read; what was read of it before stays."""
        self._failure = f"the runs cannot be read: {reason}"
        self.query_one("#empty", Label).update("")
        self._explain()

    def _row_of(self, run: Run | None, summaries: Sequence[RunSummary]) -> int:
        """The row of a run, or, where that is gone, the row where it was."""
        return next((row for row, found in enumerate(summaries) if found.run == run), self._table.cursor)

    def on_row_table_moved(self) -> None:
        self._explain()

    def on_row_table_chosen(self) -> None:
        self.action_open_run()

    def action_open_run(self) -> None:
        if chosen := self.chosen():
            self.post_message(RunOpened(chosen.run))

    def action_edge(self, place: int) -> None:
        self._table.move_to(place % max(1, len(self._table.rows)))

    # The filter

    def action_filter(self) -> None:
        self._filter.type()

    def action_unfilter(self) -> None:
        self._filter.drop()

    def on_filter_bar_changed(self) -> None:
        self._show_rest()

    def on_filter_bar_left(self) -> None:
        self._table.focus()
        self.refresh_bindings()

    # Marks

    def show_marks(self) -> None:
        marked = self.shared.marked
        self._table.marks = {
            row: self._sign(summary.run) for row, summary in enumerate(self._table.rows) if summary.run in marked
        }
        self._table.redraw()
        label, count = self.query_one("#marked", Label), len(marked)
        label.display = bool(count)
        what = "6 compares them" if count > 1 else "mark another one to compare them with 6"
        hidden = count - len(self._table.marks)
        not_shown = f", {hidden} of them not shown" if hidden else ""
        label.update(f"{count} marked{not_shown}: {what}; V marks up to the cursor, * all or none")

    def _sign(self, run: Run) -> tuple[str, Style]:
        depth = color_depth(self.app)
        return run_looks.sign_of(self.shared.place_of(run), depth)

    def action_mark_range(self) -> None:
        runs = [summary.run for summary in self._table.rows]
        marked = [place for place, run in enumerate(runs) if run in self.shared.marked]
        if runs:
            last = runs.index(self.shared.marked[-1]) if marked and self.shared.marked[-1] in runs else None
            first = self._table.cursor if last is None else last
            low, high = sorted((first, self._table.cursor))
            self.shared.mark(runs[low : high + 1], True)
            self.show_marks()

    def action_mark_all(self) -> None:
        runs = [summary.run for summary in self._table.rows]
        self.shared.mark(runs, not set(runs) <= set(self.shared.marked))
        self.show_marks()

    def _explain(self) -> None:
        chosen = self.chosen()
        text = chosen and (chosen.damage or (chosen.status and chosen.status.error))
        if chosen and chosen.read_only and not text:
            text = f"{chosen.run.name} {chosen.read_only}"
        for name, said in (("#trouble", text or ""), ("#unreadable", self._failure or str(self._unreadable()))):
            label = self.query_one(name, Label)
            label.update(printable(said))
            label.display = bool(said)
        self.refresh_bindings()
