"""What ends a command: ctrl+c leaves at once, at any moment; one that started other processes is told instead."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def leave(number: int, frame: FrameType | None) -> None:
    """Handle a signal by leaving at once: an exception would be swallowed, or shown, by libraries that are busy."""
    os._exit(128 + number)


@contextmanager
def tidied_up() -> Iterator[None]:
    """Where something has to be tidied up before ctrl+c leaves, it is KeyboardInterrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        leave(signal.SIGINT, None)
    finally:
        signal.signal(signal.SIGINT, before)


class Told:
    """Counts what signals tell this process from `with` on, in place of ending it: to stop, or to save."""

    def __init__(self) -> None:
        self.stops = self.saves = 0

    def __enter__(self) -> Told:
        handlers = {signal.SIGINT: self._stop, signal.SIGTERM: self._stop, signal.SIGUSR1: self._save}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stops += 1

    def _save(self, number: int, frame: FrameType | None) -> None:
        self.saves += 1
