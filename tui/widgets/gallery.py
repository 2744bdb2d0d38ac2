"""Tiles of one or more images with a caption below each, one of them selected."""

from collections.abc import Sequence
from math import ceil
from typing import Literal, NamedTuple

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from tui.widgets.picture import Pixels, Scale, resize, to_strips
from tui.widgets.strips import ColorDepth, StripWidget, message_strips

# Below the images, over the last line of them, or nowhere.
Captions = Literal["below", "over", "none"]

GAP = 1  # cells between two columns
LARGEST = 8


class Tiling(NamedTuple):
    """How tiles are laid out: how many beside and below each other, how large each is in cells, caption included."""

    columns: int
    rows: int
    scale: Scale
    cells_wide: int
    cells_high: int

    @property
    def capacity(self) -> int:
        """How many tiles there is room for."""
        return self.columns * self.rows


def tile(
    shape: tuple[int, int, int],
    cells_wide: int,
    cells_high: int,
    *,
    at_least: int = 1,
    columns: int | None = None,
    captions: Captions = "below",
) -> Tiling | None:
    """The layout of tiles of `shape` (K, H, W), K images above each other, as large as leaves room for `at_least`.

    Where not so many fit, as many as do; at most `columns` beside each other. None when there is no room for one.
    """
    count, height, width = shape
    scales = [Scale(up, 1) for up in range(LARGEST, 0, -1)]
    scales += [Scale(1, down) for down in (2, 4) if height % down == width % down == 0]
    best: Tiling | None = None
    for scale in scales:
        wide = width * scale.up // scale.down
        high = ceil(count * height * scale.up // scale.down / 2) + (captions == "below")
        across = min((cells_wide + GAP) // (wide + GAP), columns or cells_wide)
        tiling = Tiling(across, cells_high // high, scale, wide, high)
        if tiling.capacity > (best.capacity if best else 0):
            best = tiling
        if tiling.capacity >= at_least and (columns is None or across == columns):
            return tiling
    return best


class Gallery(StripWidget):
    """Shows tiles, or a message; a click selects a tile."""

    class Clicked(Message):
        """A tile was clicked."""

        def __init__(self, gallery: "Gallery", place: int) -> None:
            super().__init__()
            self.gallery, self.place = gallery, place

        @property
        def control(self) -> "Gallery":
            return self.gallery

    def __init__(
        self,
        *,
        at_least: int = 1,
        columns: int | None = None,
        captions: Captions = "below",
        message: str = "",
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.at_least, self.columns = at_least, columns
        self._captions_stand = captions
        self.message = message
        self._tiles: Pixels | None = None
        self._captions: Sequence[str] = ()
        self._selected: int | None = None

    def tiling(self, shape: tuple[int, int, int]) -> Tiling | None:
        """How tiles of K images (K, H, W) are laid out now."""
        return tile(
            shape,
            self.size.width,
            self.size.height,
            at_least=self.at_least,
            columns=self.columns,
            captions=self._captions_stand,
        )

    def show(self, tiles: Pixels, captions: Sequence[str] = (), selected: int | None = None) -> None:
        """Show tiles (N, K, H, W) in [0, 1]; those for which there is no room are left out. Raises ValueError."""
        if tiles.ndim != 4:
            raise ValueError(f"tiles are {tiles.shape}, must be (N, K, H, W)")
        self._tiles, self._captions, self._selected = tiles, tuple(captions), selected
        self.redraw()

    def say(self, message: str) -> None:
        """Show a message in place of tiles."""
        self._tiles, self.message = None, message
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        tiling = None if self._tiles is None else self.tiling(self._tiles.shape[1:])
        if tiling is None or self._tiles is None:
            return
        column, row = event.x // (tiling.cells_wide + GAP), event.y // tiling.cells_high
        place = row * tiling.columns + column
        if column < tiling.columns and row < tiling.rows and place < len(self._tiles):
            self.post_message(self.Clicked(self, place))

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        if self._tiles is None or not len(self._tiles):
            return [strip.apply_style(base) for strip in message_strips(self.message, width, height)]
        tiling = self.tiling(self._tiles.shape[1:])
        if tiling is None:
            return [strip.apply_style(base) for strip in message_strips("too small for pictures", width, height)]
        strips: list[Strip] = []
        shown = resize(self._tiles[: tiling.capacity], tiling.scale)
        for first in range(0, len(shown), tiling.columns):
            strips += self._row(shown[first : first + tiling.columns], first, tiling, base, depth)
        strips = [strip.adjust_cell_length(width, base) for strip in strips]
        return strips + [Strip.blank(width, base)] * (height - len(strips))

    def _row(self, tiles: Pixels, first: int, tiling: Tiling, base: Style, depth: ColorDepth) -> list[Strip]:
        count, images, high, wide = tiles.shape
        columns = np.pad(tiles.reshape(count, images * high, wide), ((0, 0), (0, 0), (0, GAP)))
        picture = columns.transpose(1, 0, 2).reshape(images * high, count * (wide + GAP))[:, :-GAP]
        strips = to_strips(picture, depth, base)
        if self._captions_stand == "none":
            return strips
        line = self._caption_line(range(first, first + count), tiling.cells_wide, base, depth)
        return [*strips, line] if self._captions_stand == "below" else [*strips[:-1], line]

    def _caption_line(self, places: range, wide: int, base: Style, depth: ColorDepth) -> Strip:
        segments = []
        for place in places:
            caption = self._captions[place] if place < len(self._captions) else ""
            if place == self._selected:
                mark = ">" if depth is ColorDepth.ASCII else "▸"
                segments.append(Segment(f"{mark}{caption}"[:wide].ljust(wide), base + Style(reverse=True, bold=True)))
            else:
                segments.append(Segment(f" {caption}"[:wide].ljust(wide), base))
            segments.append(Segment(" " * GAP, base))
        return Strip(segments)
