"""Writes the cells that a widget wants drawn again, and none beside them.

Textual writes its lines from their left edge on, once for each part of a line that changed.
"""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.screen import Screen


class ExactUpdate(ChopsUpdate):
    """The same parts of the screen, each from its own beginning to its end."""

    def render_segments(self, console: Console) -> str:
        written: list[str] = []
        for y, start, end in self.spans:
            for stop, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or start >= stop or x >= end:
                    continue
                first, last = max(x, start), min(stop, end)
                written.append(Control.move_to(first, y).segment.text)
                written.append(strip.crop(first - x, last - x).render(console))
        return "".join(written)


class ExactApp(App[None]):
    """Draws by exact updates."""

    def _display(self, screen: Screen, renderable: RenderableType | None) -> None:  # type: ignore[type-arg]
        if type(renderable) is ChopsUpdate:
            renderable = ExactUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)
