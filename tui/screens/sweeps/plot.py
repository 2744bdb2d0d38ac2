"""The plot of a sweep: one setting against a figure, or all settings as parallel coordinates."""

from __future__ import annotations

from collections.abc import Collection

from rich.style import Style
from textual.strip import Strip

from core.runs.choosing.outcome import Outcome
from core.runs.run import Run
from tui.drawing.strips import draw_message, fill
from tui.drawing.sweeps.parallel import draw_parallel
from tui.drawing.sweeps.scatter import draw_scatter
from tui.terminal.capabilities import ColorDepth
from tui.widgets.strip_widget import StripWidget

LOOKS = ("one setting", "all settings", "table alone")


class SweepPlot(StripWidget):
    """Shows the outcome that it is given; the best and the runs under the cursor stand out."""

    DEFAULT_CSS = "SweepPlot { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._found: Outcome | None = None
        self._figure = "val_loss"
        self._best: Collection[Run] = ()
        self._chosen: Collection[Run] = ()
        self.look = LOOKS[0]
        self._setting = 0

    def show(self, found: Outcome | None, figure: str, best: Collection[Run], chosen: Collection[Run]) -> None:
        """Show this outcome by a figure."""
        self._found, self._figure, self._best, self._chosen = found, figure, best, chosen
        self.redraw()

    def turn(self) -> str:
        """The next look."""
        self.look = LOOKS[(LOOKS.index(self.look) + 1) % len(LOOKS)]
        self.redraw()
        return self.look

    def next_setting(self) -> None:
        """Have the next setting on the x axis."""
        self._setting += 1
        self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        found = self._found
        if found is None or not found.varied:
            return draw_message("its runs differ in nothing" if found else "", width, height, base)
        if self.look == LOOKS[1]:
            strips = draw_parallel(found, self._figure, width, height, depth, self._best, self._chosen)
        else:
            drawn = self._figure, width, height, depth, self._best, self._chosen
            strips = draw_scatter(found, found.varied[self._setting % len(found.varied)], *drawn)
        return fill([strip.apply_style(base) for strip in strips], width, height, base)
