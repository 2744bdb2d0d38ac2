"""Lines of cells: a message in their middle, filling up to a size, and what differs between two lines."""

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


def draw_message(message: str, width: int, height: int, base: Style | None = None) -> list[Strip]:
    """`height` strips of `width` cells with the message, dim, in the middle; wrapped, and cropped to what fits."""
    base = base or Style()
    strips = [Strip.blank(width, base)] * height
    if message and width and height:
        letters = max(1, width * len(message) // max(cell_len(message), 1))  # fewer where they are wide
        lines = textwrap.wrap(message, letters)[:height]
        for row, line in enumerate(lines, start=(height - len(lines)) // 2):
            centred = line.center(width + len(line) - cell_len(line))
            strips[row] = Strip([Segment(set_cell_size(centred, width), base + Style(dim=True))], width)
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
    first = next((x for x, cell in enumerate(before) if cell != after[x]), None)
    if first is None:
        return None
    return first, next(x for x in range(len(after), first, -1) if before[x - 1] != after[x - 1])


def runs_changed(old: Strip, new: Strip, apart: int = 4) -> list[tuple[int, int]]:
    """First and one past the last cell of each run that differs; runs closer than `apart` cells are one.

    To move the cursor costs as many bytes as a few cells.
    """
    if (whole := changed_cells(old, new)) is None or old.cell_length != new.cell_length:
        return [whole] if whole else []
    before, after = _cells(old), _cells(new)
    if not len(before) == len(after) == new.cell_length:
        return [whole]
    runs: list[tuple[int, int]] = []
    for x in (x for x in range(*whole) if before[x] != after[x]):
        if runs and x - runs[-1][1] < apart:
            runs[-1] = runs[-1][0], x + 1
        else:
            runs.append((x, x + 1))
    return runs


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]
