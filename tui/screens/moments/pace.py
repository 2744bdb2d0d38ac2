"""How fast a training may be played: no faster than a slow connection takes its pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from tui.widgets.strip_widget import StripWidget

BYTES_A_SECOND = 40_000  # to the terminal, at most
BYTES_A_CELL = 36  # of a picture, with two colours of 16 million


class Pace:
    """From the beginning on, with the cells that were drawn anew until then."""

    def __init__(
        self, cells: int, clock: Callable[[], float] = time.monotonic, *, bytes_a_cell: int = BYTES_A_CELL
    ) -> None:
        self._cells, self._clock, self._due, self._bytes = cells, clock, clock(), bytes_a_cell

    def is_due(self, cells: int) -> bool:
        """Whether what was drawn since the last time that this was true had its time."""
        now, before, self._cells = self._clock(), self._cells, cells
        self._due += (cells - before) * self._bytes / BYTES_A_SECOND
        if now < self._due:
            return False
        self._due = now
        return True


def cells_changed(widgets: Iterable[StripWidget]) -> int:
    """How many cells of these were drawn anew until now."""
    return sum(widget.cells_changed for widget in widgets)
