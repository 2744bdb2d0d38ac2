"""When Python looks for garbage: never while it would hold up a key."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from core.memory import give_back

LOOK_SECONDS = 0.5  # between two looks at whether it is time
YOUNG_SECONDS, LATE_SECONDS = 2.0, 4.0  # after which young objects are looked at between keys, and at any rate
FULL_SECONDS, OVERDUE_SECONDS = 60.0, 300.0  # and all objects in a rest
ANSWER_SECONDS = 0.25  # after a key, within which all that it asked for is drawn
REST_SECONDS = 2.0  # without a key, after which the next is not near
MOST_MADE = 50_000  # more objects than these are looked at at once: nothing else would bound the memory
NEVER = 1_000_000_000  # times that younger objects were looked at


def collect_by_the_clock() -> None:
    """Leave out what is loaded by now, and look at other objects only in `Garbage.tidy`.

    Beside a training the one takes up to 0.02 s, the other 0.1 s. Python by itself does both where most objects are
    made: while a key is answered.
    """
    gc.freeze()
    gc.set_threshold(MOST_MADE, NEVER, NEVER)


class Garbage:
    """Looks for it where no key is likely to wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._young = self._full = clock()

    def tidy(self, rested: float) -> None:
        """Look at what it is time for, so many seconds after the last key."""
        now = self._clock()
        if now - self._full > (FULL_SECONDS if rested > REST_SECONDS else OVERDUE_SECONDS):
            self._full = self._young = now
            collect()
        elif now - self._young > (YOUNG_SECONDS if rested > ANSWER_SECONDS else LATE_SECONDS):
            self._young = now
            gc.collect(0)


def collect() -> None:
    """Look at all objects that are not left out, and give the system back what is free."""
    gc.collect()
    give_back()
