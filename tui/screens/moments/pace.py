"""How fast pictures follow each other by themselves: no faster than a slow connection takes their bytes."""

from __future__ import annotations

import time
from collections.abc import Callable

BYTES_A_SECOND = 40_000  # to the terminal, at most


class Pace:
    """From the beginning on; `written` gives how many bytes went to the terminal until now."""

    def __init__(self, written: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._written, self._clock = written, clock
        self._bytes, self._due = written(), clock()

    def is_due(self) -> bool:
        """Whether all that was written since the last time that this was true had its time."""
        now, before, self._bytes = self._clock(), self._bytes, self._written()
        self._due += (self._bytes - before) / BYTES_A_SECOND
        if now < self._due:
            return False
        self._due = now
        return True
