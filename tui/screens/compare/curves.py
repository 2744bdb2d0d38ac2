"""The curves of two runs over each other."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal

from core.runs.run import Run
from core.text import printable
from tui import series
from tui.drawing.plots.curves import Curve
from tui.messages import Snapshot
from tui.screens import exporting
from tui.screens.compare.view import MetricsView
from tui.screens.exporting import Export
from tui.series import CurveOptions
from tui.widgets.plot import Plot


class CurvesView(MetricsView):
    """Losses of both runs over each other."""

    title = "curves"

    def __init__(self) -> None:
        super().__init__(id="curves")
        self.options = CurveOptions()
        self._snapshots: Sequence[Snapshot] = ()

    def compose(self) -> ComposeResult:
        yield Plot(series.LOSS_TITLES["loss"], id="loss")
        with Horizontal(id="parts"):
            yield Plot(series.LOSS_TITLES["reconstruction"], series.SHORT_TITLES["reconstruction"], id="reconstruction")
            yield Plot(series.LOSS_TITLES["kl"], series.SHORT_TITLES["kl"], id="kl")

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        for part, drawn in self._curves().items():
            self.query_one(f"#{part}", Plot).show(
                drawn,
                x_range=series.common_range(snapshots),
                scale=self.options.scale,
                x_label=series.x_axis(snapshots[0]).label,
            )

    def show_message(self, message: str) -> None:
        self._snapshots = ()
        for plot in self.query(Plot):
            plot.show(())

    def _curves(self) -> dict[str, list[Curve]]:
        window = self.options.window
        return {part: series.compared_curves(self._snapshots, part, window) for part in series.LOSS_TITLES}

    def next_scale(self) -> None:
        self.options = self.options.next_scale()

    def next_smoothing(self) -> None:
        self.options = self.options.next_window()

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        if not self._snapshots:
            return None
        curves, label = self._curves(), series.x_axis(self._snapshots[0]).label
        shown, scale = series.common_range(self._snapshots), self.options.scale
        title = " and ".join(printable(run.name) for run in runs)
        return Export(lambda folder: exporting.write_curves(folder, stem, title, curves, label, shown, scale))
