"""When Python looks for garbage: never while it would hold up a key."""

from __future__ import annotations

import gc

from core.memory import give_back

FULL_SECONDS = 60.0  # between two looks at all objects
NEVER = 1_000_000_000  # times that younger objects were looked at


def collect_by_the_clock() -> None:
    """Leave out what is loaded by now, and look at all other objects only in `collect`.

    That takes 0.1 s beside a training. Python by itself does it where most objects are made: while a key is answered.
    """
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], NEVER)


def collect() -> None:
    """Look at all objects that are not left out, and give the system back what is free."""
    gc.collect()
    give_back()
