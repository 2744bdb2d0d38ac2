"""Screen 1: all runs, newest first, live."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Label

from core.runs.catalog import RunSummary
from core.runs.run import Run
from core.text import printable
from tui.background.polling import Reader
from tui.messages import RunOpened
from tui.run_columns import RUN_COLUMNS, run_cells
from tui.screens.base import SCREENS
from tui.screens.run_actions import RunScreen
from tui.screens.selection import Shared
from tui.widgets.bars import KeyLine, TopBar


class RunsScreen(RunScreen):
    """A table of the runs; what keys do, they do to the run under the cursor."""

    CSS = """
    RunsScreen DataTable { height: 1fr; background: $background; }
    RunsScreen #empty { height: 1fr; content-align: center middle; width: 100%; text-align: center; }
    RunsScreen #trouble { height: auto; max-height: 3; width: 100%; padding: 0 1; color: $text-error; }
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
        Binding("home", "edge(0)", "first", tooltip="the newest run", id="runs.first", show=False, priority=True),
        Binding("end", "edge(-1)", "last", tooltip="the oldest run", id="runs.last", show=False, priority=True),
    ]

    def __init__(self, shared: Shared, open_reader: Callable[[], Reader[list[RunSummary]]], data_note: str) -> None:
        super().__init__(shared)
        self._summaries: list[RunSummary] = []
        self._data_note = data_note
        self._wanted: Run | None = None
        self._open_reader = open_reader
        self._follower = self.add_follower(self._show_runs)

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, "runs")
        table: DataTable[object] = DataTable(cursor_type="row", zebra_stripes=False)
        table.add_columns(*RUN_COLUMNS)
        table.display = False
        yield table
        yield Label("looking for runs", id="empty", markup=False)
        yield Label("", id="trouble", markup=False)
        yield Label(self._data_note, id="data", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._follower.follow(self._open_reader)

    def on_screen_resume(self) -> None:
        self._table.focus()
        # What was looked at last is what the next key should act on.
        shown = self.shared.selection.run
        if any(summary.run == shown for summary in self._summaries):
            self._move_to(shown, self._table.cursor_row)
        else:
            self._wanted = shown

    @property
    def _table(self) -> DataTable[object]:
        return self.query_one(DataTable)

    def chosen(self) -> RunSummary | None:
        row = self._table.cursor_row
        return self._summaries[row] if 0 <= row < len(self._summaries) else None

    def on_run_deleted(self) -> None:
        self._follower.poll_now()

    def _show_runs(self, summaries: list[RunSummary]) -> None:
        chosen, row = self.chosen(), self._table.cursor_row
        names = [summary.run for summary in self._summaries]
        self._summaries = summaries
        table = self._table
        with self.app.batch_update():
            if names != [summary.run for summary in self._summaries]:
                table.clear()
                for summary in self._summaries:
                    table.add_row(*run_cells(summary))
                self._move_to(self._wanted or (chosen.run if chosen else None), row)
                self._wanted = None
            else:
                for row, summary in enumerate(self._summaries):
                    for column, cell in enumerate(run_cells(summary)):
                        if table.get_cell_at(Coordinate(row, column)) != cell:
                            table.update_cell_at(Coordinate(row, column), cell, update_width=True)
            table.display = bool(self._summaries)
            empty = self.query_one("#empty", Label)
            empty.display = not self._summaries
            empty.update("no runs yet\n\npress n for a new run, then ctrl+s to train it")
            if self._summaries and self.focused is None:
                table.focus()
        self._explain()

    def on_data_table_row_highlighted(self) -> None:
        self._explain()

    def on_data_table_row_selected(self) -> None:
        self.action_open_run()

    def action_open_run(self) -> None:
        if chosen := self.chosen():
            self.post_message(RunOpened(chosen.run))

    def action_edge(self, place: int) -> None:
        if self._summaries:
            self._table.move_cursor(row=place % len(self._summaries))

    def _move_to(self, run: Run | None, row: int) -> None:
        """The cursor to a run, or, where that is gone, to the row where it was."""
        rows = [place for place, found in enumerate(self._summaries) if found.run == run]
        self._table.move_cursor(row=rows[0] if rows else min(row, len(self._summaries) - 1))

    def _explain(self) -> None:
        chosen = self.chosen()
        text = chosen and (chosen.damage or (chosen.status and chosen.status.error))
        trouble = self.query_one("#trouble", Label)
        trouble.update(printable(text) if text else "")
        trouble.display = bool(text)
        self.refresh_bindings()
