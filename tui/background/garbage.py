"""When Python looks for garbage: never while it would hold up a key."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

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


def give_back() -> None:
    """Give the system back what is free: each thread keeps what it freed, for itself."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc's
        trim(0)


@contextmanager
def loading() -> Iterator[None]:
    """Has what is imported here left out of garbage collections from now on, and none take place meanwhile.

    Garbage that there is by then is collected first: it would stay. PyTorch brings a quarter of a million objects that
    stay. Every full collection would look at all of them, for 0.3 seconds during which no key is answered.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
