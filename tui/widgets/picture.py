"""A grid of images, or a message."""

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Images
from tui.drawing.images import Layout, arrange, draw_image, mosaic, resize
from tui.drawing.strips import draw_message, fill
from tui.terminal.capabilities import ColorDepth
from tui.widgets.strip_widget import StripWidget


class Picture(StripWidget):
    """A grid of images as large as fits, or a message."""

    def __init__(self, *, message: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.message = message
        self._images: Images | None = None
        self._columns: int | None = None

    def show(self, images: Images | None, columns: int | None = None, *, message: str | None = None) -> None:
        """Show images (N, H, W), `columns` a row or as many as make them largest, or None for the message.

        Where not all fit, the first of each row and column are shown and a line says so. Raises ValueError.
        """
        if images is not None and (images.ndim != 3 or (columns is not None and columns < 1)):
            raise ValueError(f"images are {images.shape} in {columns} columns, must be (N, H, W) in 1 or more")
        self._images = None if images is None else images.copy()
        self._columns = columns
        if message is not None:
            self.message = message
        self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        message = self.message
        if self._images is not None and self._images.size:
            if layout := arrange(self._images, self._columns, width, height):
                return self._grid(self._images, layout, width, height, base, depth)
            message = "too small for pictures"
        return draw_message(message, width, height, base)

    def _grid(
        self, images: Images, layout: Layout, width: int, height: int, base: Style, depth: ColorDepth
    ) -> list[Strip]:
        rows, columns, scale = layout
        chosen = np.add.outer(np.arange(rows) * (self._columns or columns), np.arange(columns))
        missing = chosen >= len(images)
        grid = resize(images[np.where(missing, 0, chosen)], scale)
        grid[missing] = 0
        strips = draw_image(mosaic(grid), depth, base)
        if (shown := int((~missing).sum())) < len(images):
            note = f"{shown} of {len(images)} images fit"
            strips.append(Strip([Segment(note, base + Style(dim=True))]))
        return fill(strips, width, height, base)
