"""A plot of curves."""

from collections.abc import Sequence

from rich.style import Style
from textual.strip import Strip

from tui.drawing.plots.axes import Range
from tui.drawing.plots.curves import Curve
from tui.drawing.plots.plot import draw_curves
from tui.drawing.plots.scales import Scale
from tui.terminal.capabilities import ColorDepth
from tui.widgets.strip_widget import StripWidget


class Plot(StripWidget):
    """Shows curves, and draws them again when they, the size or the theme change."""

    def __init__(self, title: str = "", short_title: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.title, self.short_title = title, short_title
        self._curves: Sequence[Curve] = ()
        self._x_range: Range | None = None
        self._scale: Scale = "robust"
        self._x_label = "epoch"

    def show(
        self,
        curves: Sequence[Curve],
        *,
        x_range: Range | None = None,
        scale: Scale = "robust",
        x_label: str = "epoch",
    ) -> None:
        """Show these curves; cells that look as before are not sent to the terminal again."""
        self._curves, self._x_range = tuple(curves), x_range
        self._scale, self._x_label = scale, x_label
        self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        strips = draw_curves(
            self._curves,
            width,
            height,
            title=self.title,
            short_title=self.short_title,
            x_label=self._x_label,
            scale=self._scale,
            x_range=self._x_range,
            depth=depth,
        )
        return [strip.apply_style(base) for strip in strips]
