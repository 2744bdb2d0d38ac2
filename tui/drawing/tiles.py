"""Lays out and draws tiles: images above each other with a caption."""

from collections.abc import Sequence
from math import ceil
from typing import Literal, NamedTuple

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Images
from tui.drawing.images import Scale, draw_image, resize
from tui.terminal.capabilities import ColorDepth
from tui.terminal.graphics import GAP

# Below the images; beside them, a word a line, where the images are larger then; or not at all.
CaptionPlacement = Literal["below", "beside", "none"]
LARGEST = 8
SMALLEST = 2  # a digit of 14 pixels can be read, one of 7 cannot
SCALES = (*(Scale(up, 1) for up in range(LARGEST, 0, -1)), Scale(1, SMALLEST))
FINER_SCALES = (*SCALES[:-1], Scale(3, 4), SCALES[-1])  # for a few tiles, where each larger one is worth it
BESIDE = 5  # cells


class Tiling(NamedTuple):
    """How tiles are laid out: in how many columns and rows, at which scale, in how many cells.

    `cells_high` counts a caption below, `beside` the cells of one beside, which `cells_wide` does not count.
    """

    columns: int
    rows: int
    scale: Scale
    cells_wide: int
    cells_high: int
    beside: int = 0

    @property
    def step(self) -> int:
        """Cells from one column to the next."""
        return self.cells_wide + self.beside + GAP

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
    scales: Sequence[Scale] = SCALES,
) -> Tiling | None:
    """The largest layout of tiles of `shape` (K, H, W), K images above each other, that holds `at_least` of them.

    `scales` are those to try, the largest one first. Where so many never fit, the layout that holds most; at most
    `columns` columns. None if not one tile fits.
    """
    if captions == "beside":
        below, aside = (
            _lay_out(shape, cells_wide, cells_high, at_least, columns, *room, scales) for room in ((1, 0), (0, BESIDE))
        )
        larger = below is None or (aside is not None and _size(aside) > _size(below))
        return aside if larger else below
    return _lay_out(shape, cells_wide, cells_high, at_least, columns, int(captions == "below"), 0, scales)


def largest_square(shape: tuple[int, int, int], cells_wide: int, cells_high: int) -> int:
    """In how many rows, and as many columns, tiles of `shape` fit at the smallest scale; 0 if not one fits."""
    most = lay_out_tiles(shape, cells_wide, cells_high, at_least=max(1, cells_wide * cells_high))
    return min(most.rows, most.columns) if most else 0


def _size(tiling: Tiling) -> float:
    return tiling.scale.up / tiling.scale.down


def _lay_out(
    shape: tuple[int, int, int],
    cells_wide: int,
    cells_high: int,
    at_least: int,
    columns: int | None,
    below: int,
    beside: int,
    scales: Sequence[Scale],
) -> Tiling | None:
    """The layout with so many lines for captions below and so many cells beside."""
    count, height, width = shape
    best: Tiling | None = None
    for scale in scales:
        if height * scale.up % scale.down or width * scale.up % scale.down:
            continue
        wide = width * scale.up // scale.down
        high = ceil(count * height * scale.up // scale.down / 2) + below
        across = min((cells_wide + GAP) // (wide + beside + GAP), columns or cells_wide)
        tiling = Tiling(across, cells_high // high, scale, wide, high, beside)
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
        if tiling.beside:
            strips += _with_captions_beside(row, first, tiling, base, depth, names, selected)
            continue
        pictures = draw_image(_side_by_side(row), depth, base)
        line = _names(range(first, first + len(row)), tiling.cells_wide, base, depth, names, selected)
        strips += pictures if captions == "none" else [*pictures, line]
    return strips


def _with_captions_beside(
    tiles: Images,
    first: int,
    tiling: Tiling,
    base: Style,
    depth: ColorDepth,
    names: Sequence[str],
    selected: int | None,
) -> list[Strip]:
    """A row of tiles, each with the words of its caption under each other on its right."""
    lines: list[list[Segment]] = [[] for _ in range(tiling.cells_high)]
    for place, tile in enumerate(tiles, start=first):
        words = names[place].split() if place < len(names) else []
        chosen = place == selected
        words[:1] = [f"{_mark(depth) if chosen else ''}{''.join(words[:1])}"]
        for y, strip in enumerate(draw_image(tile.reshape(-1, tile.shape[-1]), depth, base)):
            word = words[y] if y < len(words) else ""
            style = base + Style(reverse=True, bold=True) if chosen and word else base
            caption = set_cell_size(word, min(cell_len(word), tiling.beside))
            lines[y] += [*strip, Segment(" " * (tiling.beside - cell_len(caption)), base), Segment(caption, style)]
            lines[y].append(Segment(" " * GAP, base))
    return list(map(Strip, lines))


def _mark(depth: ColorDepth) -> str:
    return ">" if depth is ColorDepth.ASCII else "▸"


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
            style = base + Style(reverse=True, bold=True)
            segments.append(Segment(set_cell_size(f"{_mark(depth)}{name}", wide), style))
        else:
            segments.append(Segment(set_cell_size(f" {name}", wide), base))
        segments.append(Segment(" " * GAP, base))
    return Strip(segments)
