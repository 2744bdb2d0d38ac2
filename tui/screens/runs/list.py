"""Screen 1: all runs, newest first, live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable, Label

from core.errors import describe
from core.runs.catalog import RunSummary
from core.runs.run import Run
from tui import formatting
from tui.background.polling import Poller, Reader
from tui.run_columns import RUN_COLUMNS, run_cells
from tui.screens.app_screen import SCREENS
from tui.screens.run_actions import RunScreen
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

    @dataclass
    class Listed(Message):
        """The runs changed."""

        summaries: list[RunSummary]

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunsScreen.Listed)

    def __init__(self, reader: Reader[list[RunSummary]], data_note: str) -> None:
        super().__init__()
        self._summaries: list[RunSummary] = []
        self._data_note = data_note
        self._wanted: Run | None = None
        self._feed = Poller(reader, lambda news: self.post_message(self.Listed(news)), self._show_trouble)

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
        self._feed.start()

    def on_unmount(self) -> None:
        self._feed.close()

    def on_screen_suspend(self) -> None:
        if not self.in_sight:
            self._feed.pause()

    def on_screen_resume(self) -> None:
        self._feed.resume()
        self._table.focus()
        # What was looked at last is what the next key should act on.
        shown = self.vae_tui.selected_run
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

    def nudge(self) -> None:
        """Look at the folder at once."""
        self._feed.poll_now()

    def on_runs_screen_listed(self, message: Listed) -> None:
        chosen, row = self.chosen(), self._table.cursor_row
        names = [summary.run for summary in self._summaries]
        self._summaries = message.summaries
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
            self.vae_tui.show_run(chosen.run)

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
        trouble.update(formatting.printable(text) if text else "")
        trouble.display = bool(text)
        self.refresh_bindings()

    def _show_trouble(self, error: OSError) -> None:
        self.notify(describe(error), severity="error", markup=False)
