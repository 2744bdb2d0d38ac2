"""Time spent training, without the time spent resting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Counts seconds, from those that were counted before."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._resting = False
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self._seen = time.perf_counter()

    def read(self) -> float:
        """The seconds until now."""
        now = time.perf_counter()
        if not self._resting:
            self.seconds += now - self._seen
        self._seen = now
        return self.seconds

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Time spent in here does not count."""
        self.read()
        before, self._resting = self._resting, True
        yield
        self.read()
        self._resting = before
