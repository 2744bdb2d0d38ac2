"""Where charts stand: the first above, the others below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NARROWEST, LOWEST = 22, 7  # columns and lines of a chart that stands among others
LOWEST_OF_TWO = 12  # lines in which one chart stands above another
BELOW_WHEN_SHORT = 2


@dataclass(frozen=True)
class Layout:
    """The chart above, if there is one, those below it in so many columns and rows, and those without room."""

    above: str | None
    below: tuple[str, ...]
    columns: int = 1
    rows: int = 1
    left_out: tuple[str, ...] = ()


def arrange(
    keys: Sequence[str],
    first: str,
    focus: str | None,
    size: tuple[int, int],
    *,
    alone: bool = False,
    short: bool = False,
) -> Layout:
    """The `first` chart above the others, or one alone, in so many columns and lines.

    Where there is no room for all, the error gives way first, then the last ones; that in focus never does.
    """
    width, height = size
    if alone or 0 < height < LOWEST_OF_TWO:
        shown = focus if focus is not None and focus in keys else keys[0]
        rest = tuple(key for key in keys if key != shown)
        return Layout(shown, (), left_out=rest) if shown == first else Layout(None, (shown,), left_out=rest)
    above = first if first in keys else None
    below = [key for key in keys if key != first]
    columns = max(1, width // NARROWEST)
    lines = max(1, height // LOWEST - (above is not None)) if height else len(below)  # the size is not known yet
    most = min(BELOW_WHEN_SHORT if short else len(below), columns * lines)
    seen = [key for key in below if key != "reconstruction" or len(below) <= most][:most]
    if focus in below and focus not in seen:
        seen = [*seen[: most - 1], focus]
    rows = max(1, -(-len(seen) // columns))
    left_out = tuple(key for key in below if key not in seen)
    in_order = tuple(key for key in below if key in seen)
    return Layout(above, in_order, max(1, -(-len(seen) // rows)), rows, left_out)
