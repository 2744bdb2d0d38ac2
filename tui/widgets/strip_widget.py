"""A widget that repaints only the cells that changed."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.drawing.strips import changed_cells
from tui.terminal.capabilities import ColorDepth, color_depth

if TYPE_CHECKING:
    from tui.terminal.graphics import Graphics


class StripWidget(Widget):
    """Shows the strips of `draw_strips`; `redraw` repaints only the cells that differ from last time."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    StripWidget {
        width: 1fr;
        height: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._strips: list[Strip] = []
        self._drawn_for: tuple[int, int, Style, ColorDepth] | None = None

    @abstractmethod
    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        """The `height` lines of the widget, each of `width` cells."""

    def draw_with(self, graphics: Graphics | None) -> None:
        """Have pictures drawn by these graphics of the terminal, or as half-blocks; most widgets draw none."""

    def redraw(self) -> None:
        """Draw again after the data changed, and refresh the cells that differ."""
        if self._drawn_for is None or self._drawn_for != self._look():
            self._drawn_for = None
            self.refresh()
            return
        before, self._strips = self._strips, self.draw_strips(*self._drawn_for)
        regions = []
        for y, (old, new) in enumerate(zip(before, self._strips, strict=True)):
            if span := changed_cells(old, new):
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        if regions:
            self.refresh(*regions)

    def render_lines(self, crop: Region) -> list[Strip]:
        look = self._look()
        if self._drawn_for != look:
            self._strips, self._drawn_for = self.draw_strips(*look), look
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _look(self) -> tuple[int, int, Style, ColorDepth]:
        return self.size.width, self.size.height, self.rich_style, color_depth(self.app)
