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
from tui.terminal.capabilities import ColorDepth, color_depth


class CurvesView(MetricsView):
    """Losses and distances of any number of runs over each other."""

    title = "curves"
    topic = "seeds"

    def __init__(self, shared: Shared) -> None:
        super().__init__(id="curves")
        self._shared = shared

    def compose(self) -> ComposeResult:
        yield ChartGrid("compare", self._shared)

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        groups = series.seeds_together(snapshots)
        self._shared.tell_apart([group[0].run for group in groups])
        grid = self.query_one(ChartGrid)
        grid.show(snapshots)
        weight = grid.options.weight
        in_ascii = color_depth(self.app) is ColorDepth.ASCII
        training, validation = (
            ("lines training", "dots validation") if in_ascii else ("faint training", "marked validation")
        )
        training += f" (smoothed {weight:g})" if weight else ""
        seeds = ", seeds shaded" if any(len(group) > 1 for group in groups) else ""
        self.heading = f"{training}, {validation}{seeds}"

    def on_chosen_charts_changed(self) -> None:
        self.post_message(self.LaidOut(self))

    def show_message(self, message: str) -> None:
        self.query_one(ChartGrid).show(())

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        return self.query_one(ChartGrid).to_export(stem, " and ".join(printable(run.name) for run in runs))
