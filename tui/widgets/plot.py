"""A plot of curves; the pointer is its cursor, the wheel zooms, dragging pans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip

from tui.drawing.plots.axes import Range, XUnit
from tui.drawing.plots.curves import Curve
from tui.drawing.plots.plot import Drawing, draw_curves
from tui.drawing.plots.raster import Canvas
from tui.drawing.plots.scales import Scale
from tui.terminal.capabilities import ColorDepth
from tui.widgets.pointed import PointedWidget


@dataclass(frozen=True, eq=False)
class Shown:
    """What a plot shows: curves, the ranges of its axes where they are given, and the cursor where there is one."""

    curves: Sequence[Curve] = ()
    x_range: Range | None = None
    y_range: Range | None = None
    scale: Scale = "robust"
    x_label: str = "epoch"
    x_unit: XUnit = "number"
    cursor: float | None = None
    is_focused: bool = False
    message: str = ""  # in place of curves


class Plot(PointedWidget):
    """Shows curves, and draws them again when they, the size or the theme change."""

    @dataclass
    class Pointed(Message):
        """The pointer is at a value of x, or left the plot."""

        plot: Plot
        x: float | None

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Plot.Pointed)

    @dataclass
    class Zoomed(Message):
        """The wheel was turned at a value of x, towards the curves or away, maybe for the y axis."""

        plot: Plot
        x: float
        closer: bool
        along_y: bool

    @dataclass
    class Dragged(Message):
        """The curves were dragged by parts of what is seen."""

        plot: Plot
        right: float
        down: float

    @dataclass
    class Pressed(Message):
        """The plot was clicked."""

        plot: Plot

    @dataclass
    class Chosen(Message):
        """The plot was clicked twice."""

        plot: Plot

    def __init__(self, title: str = "", short_title: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.title, self.short_title = title, short_title
        self.shown = Shown()
        self.drawing = Drawing([])

    @property
    def canvas(self) -> Canvas | None:
        """Where the curves are, once they were drawn."""
        return self.drawing.canvas

    def show(self, shown: Shown) -> None:
        """Show this; cells that look as before are not sent to the terminal again."""
        self.shown = shown
        self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        shown = self.shown
        self.drawing = draw_curves(
            shown.curves,
            width,
            height,
            title=self.title,
            short_title=self.short_title,
            x_label=shown.x_label,
            scale=shown.scale,
            x_range=shown.x_range,
            y_range=shown.y_range,
            x_unit=shown.x_unit,
            cursor=shown.cursor,
            is_focused=shown.is_focused,
            depth=depth,
            base=base,
            message=shown.message,
        )
        return [strip.apply_style(base) for strip in self.drawing.strips]

    # The mouse

    def _x_at(self, at: Offset) -> float | None:
        canvas, column = self.drawing.canvas, at.x - self.drawing.left
        return None if canvas is None or not 0 <= column < canvas.columns else canvas.x_at(column)

    def point(self, at: Offset | None) -> None:
        self.post_message(self.Pointed(self, None if at is None else self._x_at(at)))

    def press(self, at: Offset) -> bool:
        self.post_message(self.Pressed(self))
        return True

    def drag(self, right: int, down: int) -> None:
        if (canvas := self.drawing.canvas) is not None:
            self.post_message(self.Dragged(self, right / canvas.columns, down / canvas.rows))

    def choose(self, at: Offset, times: int) -> None:
        if times > 1:
            self.post_message(self.Chosen(self))

    def turn(self, at: Offset, *, closer: bool, along_y: bool) -> bool:
        if (x := self._x_at(at)) is None:
            return False
        self.post_message(self.Zoomed(self, x, closer, along_y))
        return True
