"""A plot of curves."""

from collections.abc import Sequence

from rich.style import Style
from textual.strip import Strip

from tui.drawing.axes import Range
from tui.drawing.curves import Curve, draw_curves
from tui.terminal.capabilities import ColorDepth
from tui.widgets.strip_widget import StripWidget


class Plot(StripWidget):
    """Shows curves, and draws them again when they, the size or the theme change."""

    def __init__(self, title: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.title = title
        self._curves: Sequence[Curve] = ()
        self._x_range: Range | None = None
        self._log_scale = False
        self._x_label = "epoch"

    def show(
        self,
        curves: Sequence[Curve],
        *,
        x_range: Range | None = None,
        log_scale: bool = False,
        x_label: str = "epoch",
    ) -> None:
        """Show these curves; cells that look as before are not sent to the terminal again."""
        self._curves, self._x_range = tuple(curves), x_range
        self._log_scale, self._x_label = log_scale, x_label
        self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        strips = draw_curves(
            self._curves,
            width,
            height,
            title=self.title,
            x_label=self._x_label,
            log_scale=self._log_scale,
            x_range=self._x_range,
            depth=depth,
        )
        return [strip.apply_style(base) for strip in strips]
