"""Draws greyscale images as half-blocks, in as many shades as the terminal has."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Bools, Images
from tui.terminal.capabilities import ColorDepth
from tui.terminal.graphics import GAP

SHADES = " ░▒▓█"
ASCII_SHADES = " .:-=+*#%@"
HATCH = 0.3  # of the brightness
# 52 greys look like 256, and longer runs of equal cells take fewer bytes.
GREYS = np.arange(0, 256, 5)
# The 256-colour palette: black, the ramp 8, 18 .. 238, white.
PALETTE_GREYS = np.array([0, *range(8, 239, 10), 255])
SIXTEEN_GREYS = np.array([0, 85, 170, 255])  # those of the 16 colours, as rich has them


class Scale(NamedTuple):
    """Images become `up` times as large, and then `down` times smaller."""

    up: int
    down: int


def mosaic(images: Images) -> Images:
    """A grid of images (rows, columns, H, W) as one picture with a black pixel between them."""
    rows, columns, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (0, GAP), (0, GAP)))
    picture = padded.transpose(0, 2, 1, 3).reshape(rows * (height + GAP), columns * (width + GAP))
    return picture[: max(0, rows * (height + GAP) - GAP), : max(0, columns * (width + GAP) - GAP)]


def shrink(images: Images, factor: int) -> Images:
    """Means of `factor` x `factor` blocks of (..., H, W); ValueError if it does not divide H and W."""
    *rest, height, width = images.shape
    if factor < 1 or height % factor or width % factor:
        raise ValueError(f"factor {factor} does not divide images of {height}x{width} pixels")
    blocks = images.reshape(*rest, height // factor, factor, width // factor, factor)
    means: Images = blocks.mean(axis=(-3, -1), dtype=np.float32)
    return means


def resize(images: Images, scale: Scale) -> Images:
    """Images (..., H, W) at a scale."""
    larger = images.repeat(scale.up, axis=-2).repeat(scale.up, axis=-1)
    return larger if scale.down == 1 else shrink(larger, scale.down)


def hatched(image: Images, hidden: Bools) -> Images:
    """An image (H, W) in [0, 1] with grey stripes where it is hidden, bool (H, W)."""
    rows, columns = np.indices(image.shape)
    stripes = np.where((rows + columns) % 4 < 2, HATCH, 0).astype(np.float32)
    return np.where(hidden, stripes, image)


def draw_image(pixels: Images, depth: ColorDepth, base: Style) -> list[Strip]:
    """A picture (H, W) in [0, 1] as ceil(H / 2) strips of W cells; values are clipped, NaN is black.

    Two pixels a cell in colour, their mean as a shade without; a black row makes H even.
    """
    height, width = pixels.shape
    if not width:
        return []
    whole = np.clip(np.nan_to_num(np.pad(pixels, ((0, height % 2), (0, 0)))), 0, 1)
    upper, lower = whole[::2], whole[1::2]
    if depth.has_colors:
        greys, cell = COLORED[depth]
        cells = _nearest(upper, greys) * len(greys) + _nearest(lower, greys)

        @cache  # of the few that a picture has
        def on_base(number: int) -> tuple[str, Style]:
            glyph, style = cell(number)
            return glyph, base + style

        return [_runs(row, on_base) for row in cells]
    ramp = ASCII_SHADES if depth is ColorDepth.ASCII else SHADES
    shades = np.array(list(ramp))[np.rint((upper + lower) / 2 * (len(ramp) - 1)).astype(int)]
    return [Strip([Segment("".join(row), base)], width) for row in shades]


def _nearest(pixels: Images, greys: NDArray[np.int64]) -> NDArray[np.int64]:
    middles = (greys[1:] + greys[:-1]) / 2
    return np.searchsorted(middles, pixels * 255)


def _runs(row: NDArray[np.int64], cell: Callable[[int], tuple[str, Style]]) -> Strip:
    """A strip in which equal neighbours share a segment, which saves escape codes."""
    starts = np.concatenate([[0], np.flatnonzero(row[1:] != row[:-1]) + 1])
    numbers, starts = row[starts].tolist(), starts.tolist()
    segments = []
    for number, start, end in zip(numbers, starts, [*starts[1:], len(row)], strict=True):
        glyph, style = cell(number)
        segments.append(Segment(glyph * (end - start), style))
    return Strip(segments, len(row))


@lru_cache(len(GREYS) ** 2)
def _half_block(cell: int) -> tuple[str, Style]:
    upper, lower = divmod(cell, len(GREYS))
    return _two_greys(int(GREYS[upper]), int(GREYS[lower]))


@lru_cache(len(PALETTE_GREYS) ** 2)
def _palette_half_block(cell: int) -> tuple[str, Style]:
    upper, lower = divmod(cell, len(PALETTE_GREYS))
    # Textual turns palette numbers into RGB and rich turns them back: these greys come out as the entry that is
    # meant, which the entry's own RGB does not always.
    return _two_greys(round(upper * 10.2), round(lower * 10.2))


@lru_cache(len(SIXTEEN_GREYS) ** 2)
def _sixteen_half_block(cell: int) -> tuple[str, Style]:
    # The brighter one is written, the other one behind it: some terminals have the eight dark colours there only.
    upper, lower = (Color.from_rgb(grey, grey, grey) for grey in map(int, SIXTEEN_GREYS[[*divmod(cell, 4)]]))
    if upper == lower:
        return ("█" if cell else " "), Style.from_color(upper, upper)
    return ("▀", Style.from_color(upper, lower)) if cell // 4 > cell % 4 else ("▄", Style.from_color(lower, upper))


def _two_greys(upper: int, lower: int) -> tuple[str, Style]:
    below = Color.from_rgb(lower, lower, lower)
    if upper == lower:
        return " ", Style.from_color(None, below)
    return "▀", Style.from_color(Color.from_rgb(upper, upper, upper), below)


# The greys of each depth of colour, and how a cell of two of them is drawn.
COLORED: dict[ColorDepth, tuple[NDArray[np.int64], Callable[[int], tuple[str, Style]]]] = {
    ColorDepth.TRUECOLOR: (GREYS, _half_block),
    ColorDepth.EIGHT_BIT: (PALETTE_GREYS, _palette_half_block),
    ColorDepth.SIXTEEN: (SIXTEEN_GREYS, _sixteen_half_block),
}
