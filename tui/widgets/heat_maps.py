"""Heat maps side by side."""

from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats
from tui.drawing.heat_maps import draw_heat_maps
from tui.drawing.strips import draw_message, fill
from tui.terminal.capabilities import ColorDepth
from tui.widgets.strip_widget import StripWidget


class HeatMaps(StripWidget):
    """Shows maps of numbers, or nothing."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._maps: Floats | None = None
        self._titles: list[str] = []

    def show(self, maps: Floats, titles: list[str]) -> None:
        """Show maps (C, h, w), each with its title."""
        self._maps, self._titles = maps, titles
        self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        if self._maps is None:
            return draw_message("", width, height, base)
        drawn = draw_heat_maps(self._maps, self._titles, width, depth, base)
        return fill(drawn, width, height, base)
