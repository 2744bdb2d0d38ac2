"""The curves of two runs over each other."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from core.runs.run import Run
from core.text import printable
from tui.messages import Snapshot
from tui.screens.charts.grid import ChartGrid
from tui.screens.compare.view import MetricsView
from tui.screens.exporting import Export


class CurvesView(MetricsView):
    """Losses of both runs over each other."""

    title = "curves"

    def __init__(self) -> None:
        super().__init__(id="curves")

    def compose(self) -> ComposeResult:
        yield ChartGrid(id="charts")

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        self.query_one(ChartGrid).show(snapshots)

    def show_message(self, message: str) -> None:
        self.query_one(ChartGrid).show(())

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        return self.query_one(ChartGrid).to_export(stem, " and ".join(printable(run.name) for run in runs))
