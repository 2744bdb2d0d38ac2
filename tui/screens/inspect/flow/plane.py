"""A plane with moving particles, which repaints the cells that change and no others."""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.drawing.grounds.ground import draw_ground
from tui.drawing.grounds.particles import ParticleGround
from tui.drawing.strips import draw_message, runs_changed
from tui.drawing.view import View
from tui.terminal.capabilities import ColorDepth
from tui.widgets.strip_widget import StripWidget


class FlowPlane(StripWidget):
    """Shows particles in a view, or a message."""

    def __init__(self, *, message: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.message = message
        self._shown: tuple[ParticleGround, View, tuple[str, str]] | None = None

    def show(self, ground: ParticleGround, view: View, axes: tuple[str, str]) -> None:
        """Show these particles in a view with these axes."""
        self._shown = ground, view, axes
        self.redraw()

    def show_message(self, message: str) -> None:
        """Show a line of text instead."""
        self._shown, self.message = None, message
        self.redraw()

    def redraw(self) -> None:
        if self._drawn_for is None or self._drawn_for != self._look():
            super().redraw()
            return
        before, self._strips = self._strips, self.draw_strips(*self._drawn_for)
        lines = enumerate(zip(before, self._strips, strict=True))
        regions = [Region(start, y, end - start, 1) for y, pair in lines for start, end in runs_changed(*pair)]
        if regions:
            self.refresh(*regions)

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        if self._shown is None:
            return draw_message(self.message, width, height, base)
        ground, view, (x_label, y_label) = self._shown
        return draw_ground(ground, width, height, view, x_label, y_label, base, depth)
