"""A sheet of 28x28 pixels that is drawn on with the mouse or with keys."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip

from core.arrays import Bools
from core.shapes import IMAGE_SHAPE
from core.sketch.canvas import Point
from core.sketch.sheet import Sheet, Tool
from tui.drawing.images import Scale, draw_image, resize
from tui.drawing.strips import draw_message
from tui.terminal.capabilities import ColorDepth
from tui.widgets.pointed import PointedWidget

HEIGHT, WIDTH = IMAGE_SHAPE
HATCH = Style(dim=True)
PEN, LIFTED = Style(color="black", bgcolor="yellow", bold=True), Style(color="yellow", reverse=True)


def covered(strips: list[Strip], hidden: Bools, scale: int, base: Style, depth: ColorDepth) -> list[Strip]:
    """The strips of an image, so many cells for a pixel, hatched where pixels are hidden: cells of both or of one."""
    cells = hidden.repeat(scale, axis=0).repeat(scale, axis=1)
    cells = cells[::2] | cells[1::2]
    sign = "/" if depth is ColorDepth.ASCII else "╱"
    hatched = []
    for strip, row in zip(strips, cells, strict=True):
        edges = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
        parts = [
            Strip([Segment(sign * (end - start), base + HATCH)], end - start) if row[start] else strip.crop(start, end)
            for start, end in pairwise(edges)
        ]
        hatched.append(Strip.join(parts))
    return hatched


def pen_words(tool: Tool, width: float, *, is_down: bool) -> str:
    """Such as pencil up, 2.5 pixels wide."""
    return f"{tool} {'down' if is_down else 'up'}, {width:g} {'pixel' if width == 1 else 'pixels'} wide"


class Paper(PointedWidget):
    """Shows ink and the pen, and tells of strokes; what they do to the ink is known to whoever shows it."""

    @dataclass
    class Stroked(Message):
        """The mouse drew from one place to another, in pixels; the first of a stroke begins it."""

        start: Point
        end: Point
        begins: bool

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._sheet, self._pen, self._is_down = Sheet(), (WIDTH // 2, HEIGHT // 2), False
        self._at = Offset(0, 0)

    @property
    def scale(self) -> int:
        """Lines for two pixels one above the other, and columns for a pixel; 0 without room."""
        return min(self.size.width // WIDTH, self.size.height * 2 // HEIGHT, 2)

    def show(self, sheet: Sheet, pen: tuple[int, int], *, is_down: bool) -> None:
        """Show a sheet, and the pen on a pixel."""
        self._sheet, self._pen, self._is_down = sheet, pen, is_down
        self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        scale = self.scale
        if not scale:
            return draw_message(f"{WIDTH} columns by {HEIGHT // 2} lines are needed to draw", width, height)
        strips = draw_image(resize(self._sheet.ink, Scale(scale, 1)), depth, base)
        strips = covered(strips, self._sheet.hidden, scale, base, depth)
        column, row = self._pen[0] * scale, self._pen[1] * scale // 2
        sign = "+" if self._is_down else "o" if depth is ColorDepth.ASCII else "○"
        look = base + (PEN if self._is_down else LIFTED)
        strip = strips[row]
        pen = Strip([Segment(sign.ljust(scale), look)], scale)
        strips[row] = Strip.join([strip.crop(0, column), pen, strip.crop(column + scale)])
        aside = max(0, width - WIDTH * scale)
        strips = [Strip.join([strip, Strip([Segment(" " * aside, base)], aside)]) for strip in strips[:height]]
        return strips + [Strip([Segment(" " * width, base)], width)] * (height - len(strips))

    # The mouse

    def press(self, at: Offset) -> bool:
        self._at = at
        if not self.scale:
            return False
        self.post_message(self.Stroked(self._pixel(at), self._pixel(at), begins=True))
        return True

    def drag(self, right: int, down: int) -> None:
        before, self._at = self._at, self._at + Offset(right, down)
        self.post_message(self.Stroked(self._pixel(before), self._pixel(self._at), begins=False))

    def _pixel(self, at: Offset) -> Point:
        """The middle of what a cell shows, in pixels."""
        return (at.x + 0.5) / self.scale, (at.y + 0.5) * 2 / self.scale
