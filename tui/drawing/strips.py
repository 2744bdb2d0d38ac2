"""Lines of cells: a message in their middle, filling up to a size, and what differs between two lines."""

import textwrap
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


def draw_message(message: str, width: int, height: int, base: Style | None = None) -> list[Strip]:
    """`height` strips of `width` cells with the message, dim, in the middle; wrapped, and cropped to what fits."""
    base = base or Style()
    strips = [Strip.blank(width, base)] * height
    if message and width and height:
        lines = textwrap.wrap(message, width)[:height]
        for row, line in enumerate(lines, start=(height - len(lines)) // 2):
            strips[row] = Strip([Segment(line.center(width), base + Style(dim=True))], width)
    return strips


def fill(strips: Sequence[Strip], width: int, height: int, base: Style) -> list[Strip]:
    """The strips cropped to `height` strips of `width` cells, or filled up with blanks."""
    shown = [strip.adjust_cell_length(width, base) for strip in strips[:height]]
    return shown + [Strip.blank(width, base)] * (height - len(shown))


def changed_cells(old: Strip, new: Strip) -> tuple[int, int] | None:
    """First and one past the last cell in which two strips of one length differ; None if they are equal."""
    if old == new:
        return None
    before, after = _cells(old), _cells(new)
    if not len(before) == len(after) == new.cell_length:  # wide characters: take the whole line
        return 0, new.cell_length
    changed = [x for x, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    return (changed[0], changed[-1] + 1) if changed else None


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]
