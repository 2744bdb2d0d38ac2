"""The settings and results of two runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from textual.app import ComposeResult
from textual.widgets import Static

from core.runs.run import Run
from core.text import printable
from tui.messages import Snapshot
from tui.screens import exporting
from tui.screens.compare.comparison import settings
from tui.screens.compare.view import MetricsView
from tui.screens.dialogs import ScrolledText
from tui.screens.exporting import Export


class SettingsView(MetricsView):
    """Every setting and result of both, those that differ marked."""

    title = "settings"
    topic = "seeds"

    def __init__(self) -> None:
        super().__init__(id="settings")
        self._snapshots: Sequence[Snapshot] = ()

    def compose(self) -> ComposeResult:
        with ScrolledText():
            yield Static(id="table")

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        snapshots = snapshots[:2]
        self._snapshots = snapshots
        rows = settings(snapshots[0].summary, snapshots[1].summary)
        self.heading = f"{sum(row.differs for row in rows)} of {len(rows)} differ"
        table = Table("", "", *(printable(snapshot.run.name) for snapshot in snapshots), box=None)
        for row in rows:
            mark, style = ("≠", None) if row.differs else ("", "dim")
            table.add_row(mark, row.name, row.left, row.right, style=style)
        self.query_one("#table", Static).update(table)

    def show_message(self, message: str) -> None:
        self._snapshots = ()
        self.query_one("#table", Static).update(message)

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        if not self._snapshots:
            return None
        rows = settings(self._snapshots[0].summary, self._snapshots[1].summary)
        columns = {"setting": [row.name for row in rows], runs[0].name: [row.left for row in rows]}
        columns[runs[1].name] = [row.right for row in rows]
        return Export(lambda folder: exporting.write_table(folder, stem, columns))
