"""Screen 1: all runs, newest first, live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Label

from core.runs.choosing.groups import RunGroup
from core.text import printable
from tui.background.polling import Reader
from tui.messages import RunOpened, RunRestored
from tui.screens.base import SCREENS
from tui.screens.following import is_seen
from tui.screens.help.welcome import NO_RUNS
from tui.screens.runs.listing.arrangement import columns_for, runs_of
from tui.screens.runs.listing.filter_bar import FilterBar
from tui.screens.runs.listing.previewing import PreviewedList
from tui.screens.selection import Selection, Shared
from tui.widgets.bars import KeyLine, TopBar
from tui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.run import Run
    from tui.screens.runs.listing.arrangement import Row
    from tui.screens.runs.training import PicturesReader

NONE_SHOWN = "no run is like that\n\nescape shows all runs, / changes the filter"


class RunsScreen(PreviewedList):
    """A table of the runs; what keys do, they do to the run under the cursor."""

    ABOUT = "runs: all runs of the folder; keys act on the one under the cursor, or on those that are marked"
    CSS = """
    RunsScreen RowTable { background: $background; }
    RunsScreen #body { height: 1fr; }
    RunsScreen #empty { height: 1fr; content-align: center middle; width: 100%; text-align: center; }
    RunsScreen #trouble { height: auto; max-height: 3; width: 100%; padding: 0 1; color: $text-error; }
    RunsScreen #unreadable { height: auto; max-height: 3; width: 100%; padding: 0 1; color: $text-warning; }
    RunsScreen #queue { height: 1; width: 100%; padding: 0 1; color: $text-warning; display: none; }
    RunsScreen #marked { height: 1; width: 100%; padding: 0 1; display: none; }
    RunsScreen #data {
        display: none;
        height: 1;
        width: 100%;
        padding: 0 1;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
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
        Binding("g", "edge(0)", id="runs.top", show=False),
        Binding("G", "edge(-1)", id="runs.bottom", show=False),
        Binding("home", "edge(0)", "first", tooltip="the first run", id="runs.first", show=False, priority=True),
        Binding("end", "edge(-1)", "last", tooltip="the last run", id="runs.last", show=False, priority=True),
    ]

    def __init__(
        self,
        shared: Shared,
        open_reader: Callable[[], Reader[list[RunSummary]]],
        data_note: str,
        unreadable: Callable[[], object] = str,
        pictures: Callable[[Run], PicturesReader] | None = None,
    ) -> None:
        super().__init__(shared, pictures)
        self._data_note, self._unreadable = data_note, unreadable
        self._wanted: Run | None = None
        self._failure = ""  # why the runs cannot be read, for as long as they cannot
        self._selected: Run | None = None  # when this screen was seen last
        self._summaries: list[RunSummary] = []
        self._before_filter: Run | None = None  # under the cursor when a filter began to be typed
        self._deleted: set[Run] = set()  # that may still be listed
        self._open_reader = open_reader
        self._follower = self.add_follower(self._show_runs, self._show_failure)

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, "runs")
        table: RowTable[Row] = RowTable(columns_for(self.app.size.width, self.arrangement.shown))
        table.display = False
        with Horizontal(id="body"):
            yield table
            yield Label("looking for runs", id="empty", markup=False)
        yield Label("", id="trouble", markup=False)
        yield Label("", id="unreadable", markup=False)
        yield Label("the queue is paused: nothing that waits begins; P goes on with it", id="queue", markup=False)
        yield FilterBar()
        yield Label("", id="marked", markup=False)
        yield Label(self._data_note, id="data", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        with self.prevent(FilterBar.Changed):  # there is nothing to be listed yet
            self._filter.hold(self.arrangement.filter)
        self._follower.follow(self._open_reader)
        # An age changes with nothing but the clock; cells that look as before cost nothing.
        self._clock = self.set_interval(self.shared.timing.clock, self.table.show_again)

    def _apply(self, selection: Selection) -> None:
        super()._apply(selection)
        self.query_one("#queue").display = selection.queue_paused

    def on_screen_suspend(self) -> None:
        if not is_seen(self):
            self._clock.pause()

    def on_screen_resume(self) -> None:
        self._clock.resume()
        self.table.show_again()
        self.show_marks()
        if not self._filter.is_typed:
            self.table.focus()
        shown = self.shared.selection.run
        self._deleted -= {shown}  # it was taken back
        if shown == self._selected:  # a dialog was closed
            return
        # What was looked at last is what the next key should act on.
        self._selected = shown
        if (row := self.row_of(shown, self.table.rows)) is not None:
            self.table.move_to(row)
        else:
            self._wanted = shown

    @property
    def table(self) -> RowTable[Row]:
        return self.query_one(RowTable)

    @property
    def _filter(self) -> FilterBar:
        return self.query_one(FilterBar)

    @property
    def topic(self) -> str:
        from tui.screens.help.formulas import loss_topic

        runs = runs_of(self.row)
        return loss_topic(runs[0].preset, runs[0].config) if runs else super().topic

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open_run", "edge") and self._filter.is_typed:
            return False  # the keys are those of the line
        if action == "step_run":
            return False  # the cursor steps
        if action == "unfilter":
            return self._filter.condition is not None
        return super().check_action(action, parameters)

    def chosen(self) -> RunSummary | None:
        row = self.row
        return None if isinstance(row, RunGroup) else row

    @property
    def listed(self) -> Sequence[RunSummary]:
        return [summary for summary in self._summaries if summary.run not in self._deleted]

    def hide_deleted(self, run: Run) -> None:
        self._deleted.add(run)
        self.list_again()

    def show_again(self, run: Run) -> None:
        self._deleted.discard(run)
        self._wanted = run
        self.list_again()

    def on_run_restored(self, message: RunRestored) -> None:
        self.show_again(message.run)
        self._follower.poll_now()

    def look_again(self, run: Run) -> None:
        self._wanted = run
        self._follower.poll_now()

    def _show_runs(self, summaries: list[RunSummary]) -> None:
        self._summaries = summaries
        self.tell_saved(summaries)
        self._deleted &= {summary.run for summary in summaries}
        self.list_again()

    def list_again(self) -> None:
        there = self.listed
        here, table = runs_of(self.row), self.table
        rows = self._rows(there)
        row = self.row_of(self._wanted, rows) if self._wanted else None
        self._failure, self._wanted = "", self._wanted if row is None else None
        if row is None and here:
            row = self.row_of(here[0].run, rows)
        self.shared.listed = [summary.run for row in rows for summary in runs_of(row)]
        with self.app.batch_update():
            table.display = bool(rows)
            table.show(rows, table.cursor if row is None else row)
            self._filter.count(sum(len(runs_of(row)) for row in rows), len(there))
            empty = self.query_one("#empty", Label)
            empty.display = not rows
            empty.update(NONE_SHOWN if there else NO_RUNS)
            self.query_one("#data").display = not there and bool(self._data_note)
            if rows and self.focused is None:
                table.focus()
            gone = set(self.shared.marked) - {summary.run for summary in there} - self.shared.renaming
            self.shared.mark([*gone], False)
            self.show_marks()
        self._explain()

    def _rows(self, there: Sequence[RunSummary]) -> list[Row]:
        """The rows; while a word is typed that no run has and that begins a comparison, as they were before it."""
        condition = self._filter.condition
        rows = self.arranger.rows(there, self.arrangement, condition)
        if rows or condition is None or not self._filter.is_typed:
            return rows
        from core.runs.choosing.conditions import may_name_a_quantity, readable_part

        if may_name_a_quantity(condition.text):
            return self.arranger.rows(there, self.arrangement, readable_part(f"{condition.text}="))
        return rows

    def _show_failure(self, reason: str) -> None:
        """The folder of the runs cannot be read; what was read of it before stays."""
        self._failure = f"the runs cannot be read: {reason}"
        self.query_one("#empty", Label).update("")
        self._explain()

    def on_row_table_moved(self) -> None:
        self._explain()

    def on_row_table_chosen(self) -> None:
        self.action_open_run()

    def action_open_run(self) -> None:
        if isinstance(self.row, RunGroup):
            self.action_unfold()
        elif chosen := self.chosen():
            self.post_message(RunOpened(chosen.run))

    def action_edge(self, place: int) -> None:
        self.table.move_to(place % max(1, len(self.table.rows)))

    # The filter

    def action_filter(self) -> None:
        self._before_filter = next((summary.run for summary in runs_of(self.row)), None)
        self._filter.type()

    def action_unfilter(self) -> None:
        self._filter.drop()

    def on_filter_bar_changed(self) -> None:
        self.list_again()
        condition = self._filter.condition
        self.list_as(replace(self.arrangement, filter=condition.text if condition else ""), again=False)

    def on_filter_bar_left(self, message: FilterBar.Left) -> None:
        self.table.focus()
        self.list_again()
        if message.dropped and (row := self.row_of(self._before_filter, self.table.rows)) is not None:
            self.table.move_to(row)
        self.refresh_bindings()

    def _explain(self) -> None:
        chosen = self.chosen()
        self.preview(self.row)
        text = chosen and (chosen.damage or (chosen.status and chosen.status.error))
        if chosen and not text:
            text = "; ".join(alert.text for alert in chosen.alerts if alert.is_problem)
        if chosen and chosen.read_only and not text:
            text = f"{chosen.run.name} {chosen.read_only}"
        for name, said in (("#trouble", text or ""), ("#unreadable", self._failure or str(self._unreadable()))):
            label = self.query_one(name, Label)
            label.update(printable(said))
            label.display = bool(said)
        self.refresh_bindings()
