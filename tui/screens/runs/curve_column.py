"""The curves of one run: the loss, and below it its parts and the distance of samples."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Label

from core.text import printable
from tui import series
from tui.drawing.plots.curves import Curve
from tui.messages import Snapshot
from tui.screens import exporting
from tui.screens.exporting import Export
from tui.series import CurveOptions
from tui.widgets.plot import Plot


class CurveColumn(Vertical):
    """Draws the newest snapshot it was shown, as much of it and as smooth as it is asked to."""

    DEFAULT_CSS = """
    CurveColumn #small { display: none; width: 100%; color: $text-muted; }
    CurveColumn #parts { height: 1fr; layout: grid; grid-gutter: 0 1; }
    """

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._options = CurveOptions()
        self._laid_out: list[str] | None = None

    def compose(self) -> ComposeResult:
        yield Label("64 columns by 22 lines show more", id="small")
        yield Plot(series.TITLES["loss"], id="loss")
        with Container(id="parts"):
            for part in list(series.TITLES)[1:]:
                yield Plot(series.TITLES[part], series.SHORT_TITLES[part], id=part)

    def show(self, snapshot: Snapshot) -> None:
        """Draw the curves of this one."""
        self._snapshot = snapshot
        self._draw()

    def _draw(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        drawn = self._curves(snapshot)
        self._lay_out(list(drawn)[1:])
        self._show(snapshot, {"loss": drawn.pop("loss")})
        # The loss is seen before the others are drawn, and a key that comes meanwhile waits for less.
        self.call_after_refresh(self._show, snapshot, drawn)

    def _show(self, snapshot: Snapshot, drawn: dict[str, list[Curve]]) -> None:
        if snapshot is not self._snapshot:
            return
        axis = series.x_axis(snapshot)
        shown = axis.range_of(self._options.fraction)
        for part, lines in drawn.items():
            plot = self.query_one(f"#{part}", Plot)
            plot.show(lines, x_range=shown, scale=self._options.scale, x_label=axis.label)

    def _curves(self, snapshot: Snapshot) -> dict[str, list[Curve]]:
        parts = list(series.LOSS_TITLES) if snapshot.summary.preset.has_kl else ["loss"]
        drawn = {part: series.loss_curves(snapshot, part, self._options.window) for part in parts}
        frechet = series.frechet_curve(snapshot)
        return drawn | {"frechet": [frechet]} if len(frechet.x) else drawn

    def _lay_out(self, parts: list[str]) -> None:
        """Make room below the loss for its parts; where it is narrow, the error gives way to the distance."""
        shown = [] if self.screen.has_class("-tiny") else parts
        if self.screen.has_class("-short") and len(shown) > 2:
            shown = [part for part in shown if part != "reconstruction"]
        if shown == self._laid_out:
            return
        self._laid_out = shown
        below = self.query_one("#parts")
        below.display = bool(shown)
        below.styles.grid_size_columns = max(len(shown), 1)
        for plot in below.query(Plot):
            plot.display = plot.id in shown

    def to_export(self, stem: str) -> Export | None:
        """What is drawn."""
        snapshot, options = self._snapshot, self._options
        if snapshot is None or not len(snapshot.steps["step"]):
            return None
        curves, axis = self._curves(snapshot), series.x_axis(snapshot)
        shown, name = axis.range_of(options.fraction), printable(snapshot.run.name)
        return Export(
            lambda folder: exporting.write_curves(folder, stem, name, curves, axis.label, shown, options.scale),
            exporting.WHOLE_TABLE,
        )

    # What keys ask for

    def next_scale(self) -> None:
        """Another part of the y axis."""
        self._options = self._options.next_scale()
        self._draw()

    def next_smoothing(self) -> None:
        """Smoother curves, or unsmoothed ones again."""
        self._options = self._options.next_window()
        self._draw()

    def narrow(self, by: int) -> None:
        """Show less of the run, or more where `by` is negative."""
        self._options = self._options.narrower(by)
        self._draw()
