"""The curves of runs over each other."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from core.runs.run import Run
from core.text import printable
from tui import series
from tui.messages import Snapshot
from tui.screens.charts.grid import ChartGrid
from tui.screens.compare.view import MetricsView
from tui.screens.exporting import Export
from tui.screens.selection import Shared
from tui.series import CurveOptions


class CurvesView(MetricsView):
    """Losses and distances of any number of runs over each other."""

    title = "curves"

    def __init__(self, shared: Shared) -> None:
        super().__init__(id="curves")
        self._shared = shared

    def compose(self) -> ComposeResult:
        yield ChartGrid("compare", self._shared, CurveOptions(weight=0.9))

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        self.query_one(ChartGrid).show(snapshots)
        seeds = [len(group) for group in series.seeds_together(snapshots) if len(group) > 1]
        self.heading = "mean and band of the seeds, marks are validations" if seeds else "marks are validations"

    def show_message(self, message: str) -> None:
        self.query_one(ChartGrid).show(())

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        return self.query_one(ChartGrid).to_export(stem, " and ".join(printable(run.name) for run in runs))
