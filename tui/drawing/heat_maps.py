"""Draws heat maps: numbers in coloured cells."""

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats
from tui.terminal.capabilities import ColorDepth

WIDE, NARROW = (6, 2), (5, 0)  # cells of a number, "-1.23" or "-1.2" and a space; cells between two maps
# Blue and orange are told apart with every kind of colour vision.
NEGATIVE, ZERO, POSITIVE = np.array((0, 114, 178)), np.array((40, 40, 40)), np.array((213, 94, 0))


def draw_heat_maps(maps: Floats, titles: list[str], width: int, depth: ColorDepth, base: Style) -> list[Strip]:
    """Maps (C, h, w) side by side, as many in a row as fit, each under its title."""
    count, high, wide = maps.shape
    cell, between = WIDE if count * (wide * WIDE[0] + WIDE[1]) - WIDE[1] <= width else NARROW
    cells = wide * cell
    across = max(1, (width + between) // (cells + between))
    largest = max(float(np.abs(maps).max()), 1e-9)
    strips = []
    for first in range(0, count, across):
        group = range(first, min(first + across, count))
        strips.append(_join([[Segment(titles[index][:cells].ljust(cells), base)] for index in group], between, base))
        for row in range(high):
            numbers = [
                [_cell(float(value), largest, cell, base, depth) for value in maps[index, row]] for index in group
            ]
            strips.append(_join(numbers, between, base))
    return strips


def channel_titles(count: int, wide: int, kind: str) -> list[str]:
    """Titles of so many maps of `wide` columns, such as `channel 0 mean`; of small ones as much as fits: `0`."""
    room = wide * NARROW[0]
    last = count - 1
    form = next((form for form in (f"channel {{}}{kind}", "channel {}") if len(form.format(last)) <= room), "{}")
    return [form.format(channel) for channel in range(count)]


def _cell(value: float, largest: float, cell: int, base: Style, depth: ColorDepth) -> Segment:
    text = f"{_rounded(value, cell - 1):>{cell - 1}} "
    if not depth.has_shades:
        return Segment(text, base)
    end = POSITIVE if value > 0 else NEGATIVE
    red, green, blue = (ZERO + (end - ZERO) * abs(value) / largest).round().astype(int).tolist()
    style = Style.from_color(Color.parse("#ffffff"), Color.from_rgb(red, green, blue))
    return Segment(text, base + style)


def _rounded(value: float, room: int) -> str:
    """The number with as many decimals as fit."""
    for digits in range(room - 3, -1, -1):
        text = f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 leaves no -0.00
        if len(text) <= room:
            return text
    return f"{value:.0e}".replace("e+0", "e")[:room]


def _join(parts: list[list[Segment]], between: int, base: Style) -> Strip:
    segments: list[Segment] = []
    for part in parts:
        segments += [Segment(" " * between, base), *part] if segments else part
    return Strip(segments)
