"""Lines of cells: messages, and what differs between two of them."""

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


def draw_message(message: str, width: int, height: int) -> list[Strip]:
    """`height` strips of `width` cells, blank but for `message`, dim, in the middle and cropped to fit."""
    strips = [Strip.blank(width, Style())] * height
    if message and width and height:
        strips[(height - 1) // 2] = Strip([Segment(message[:width].center(width), Style(dim=True))], width)
    return strips


def changed_cells(old: Strip, new: Strip) -> tuple[int, int] | None:
    """First and one past the last cell in which two strips of one length differ, None if they are equal."""
    if old == new:
        return None
    before, after = _cells(old), _cells(new)
    if not len(before) == len(after) == new.cell_length:  # wide characters: take the line
        return 0, new.cell_length
    changed = [x for x, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    return (changed[0], changed[-1] + 1) if changed else None


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]
