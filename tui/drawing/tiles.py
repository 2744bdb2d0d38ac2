"""Lays out and draws tiles: images above each other with a caption."""

from collections.abc import Sequence
from math import ceil
from typing import Literal, NamedTuple

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Images
from tui.drawing.images import Scale, draw_image, resize
from tui.terminal.capabilities import ColorDepth
from tui.terminal.graphics import GAP

# Below the images, over their last line, or not at all.
CaptionPlacement = Literal["below", "over", "none"]
LARGEST = 8


class Tiling(NamedTuple):
    """How tiles are laid out: in how many columns and rows, at which scale, in how many cells with the caption."""

    columns: int
    rows: int
    scale: Scale
    cells_wide: int
    cells_high: int

    @property
    def capacity(self) -> int:
        """How many tiles fit."""
        return self.columns * self.rows


def lay_out_tiles(
    shape: tuple[int, int, int],
    cells_wide: int,
    cells_high: int,
    *,
    at_least: int = 1,
    columns: int | None = None,
    captions: CaptionPlacement = "below",
) -> Tiling | None:
    """The largest layout of tiles of `shape` (K, H, W), K images above each other, that holds `at_least` of them.

    Where so many never fit, the layout that holds most; at most `columns` columns. None if not one tile fits.
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


def draw_tiles(
    tiles: Images,
    tiling: Tiling,
    base: Style,
    depth: ColorDepth,
    *,
    names: Sequence[str] = (),
    selected: int | None = None,
    captions: CaptionPlacement = "below",
) -> list[Strip]:
    """Tiles (N, K, H, W) in [0, 1], those that fit, each with its name, the selected one marked."""
    shown = resize(tiles[: tiling.capacity], tiling.scale)
    strips: list[Strip] = []
    for first in range(0, len(shown), tiling.columns):
        row = shown[first : first + tiling.columns]
        pictures = draw_image(_side_by_side(row), depth, base)
        line = _names(range(first, first + len(row)), tiling.cells_wide, base, depth, names, selected)
        match captions:
            case "below":
                strips += [*pictures, line]
            case "over":
                strips += [*pictures[:-1], line]
            case "none":
                strips += pictures
    return strips


def _side_by_side(tiles: Images) -> Images:
    count, images, high, wide = tiles.shape
    columns = np.pad(tiles.reshape(count, images * high, wide), ((0, 0), (0, 0), (0, GAP)))
    return columns.transpose(1, 0, 2).reshape(images * high, count * (wide + GAP))[:, :-GAP]


def _names(
    places: range, wide: int, base: Style, depth: ColorDepth, names: Sequence[str], selected: int | None
) -> Strip:
    segments = []
    for place in places:
        name = names[place] if place < len(names) else ""
        if place == selected:
            mark = ">" if depth is ColorDepth.ASCII else "▸"
            segments.append(Segment(f"{mark}{name}"[:wide].ljust(wide), base + Style(reverse=True, bold=True)))
        else:
            segments.append(Segment(f" {name}"[:wide].ljust(wide), base))
        segments.append(Segment(" " * GAP, base))
    return Strip(segments)
