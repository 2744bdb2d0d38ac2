"""When Python looks for garbage: never while it would hold up a key."""

from __future__ import annotations

import gc

from core.memory import give_back

YOUNG_SECONDS = 2.0  # between two looks at the objects made since
FULL_SECONDS = 60.0  # and at all of them
MOST_MADE = 50_000  # more objects than these are looked at at once: nothing else would bound the memory
NEVER = 1_000_000_000  # times that younger objects were looked at


def collect_by_the_clock() -> None:
    """Leave out what is loaded by now, and look at other objects only in `collect_young` and `collect`.

    Beside a training the one takes up to 0.02 s, the other 0.1 s. Python by itself does both where most objects are
    made: while a key is answered.
    """
    gc.freeze()
    gc.set_threshold(MOST_MADE, NEVER, NEVER)


def collect_young() -> None:
    """Look at the objects that were made since the last time."""
    gc.collect(0)


def collect() -> None:
    """Look at all objects that are not left out, and give the system back what is free."""
    gc.collect()
    give_back()
