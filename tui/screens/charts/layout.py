"""Where charts stand: the first above, the others below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NARROWEST = 22  # columns of a chart that stands beside others
BELOW_WHEN_SHORT = 2


@dataclass(frozen=True)
class Layout:
    """The chart above, if there is one, and those below it in so many columns and rows."""

    above: str | None
    below: tuple[str, ...]
    columns: int = 1
    rows: int = 1


def arrange(keys: Sequence[str], first: str, alone: str | None, width: int, *, short: bool) -> Layout:
    """The `first` chart above the others, or one `alone`; in a short window the error gives way, then the last ones."""
    if alone is not None:
        return Layout(alone, ()) if alone == first else Layout(None, (alone,))
    below = [key for key in keys if key != first]
    if short:
        if len(below) > BELOW_WHEN_SHORT and "reconstruction" in below:
            below.remove("reconstruction")
        below = below[:BELOW_WHEN_SHORT]
    rows = max(1, -(-len(below) * NARROWEST // max(width, NARROWEST)))
    return Layout(first if first in keys else None, tuple(below), max(1, -(-len(below) // rows)), rows)
