"""The stages of a start, one after the other: each is shown while it lasts, and all are told at the end."""

from __future__ import annotations

import time
from collections.abc import Callable


class Stages:
    """Tells `show` what takes time now."""

    def __init__(self, show: Callable[[str], object], now: Callable[[], float] = time.perf_counter) -> None:
        self._show, self._now = show, now
        self._began: list[tuple[str, float]] = []

    def begin(self, activity: str) -> None:
        """End the stage before this one."""
        self._began.append((activity, self._now()))
        self._show(activity)

    def summary(self) -> str:
        """The seconds of all stages, and of each; the last one ends now."""
        ends = [*(began for _, began in self._began[1:]), self._now()]
        seconds = [f"{activity} {end - began:.1f}" for (activity, began), end in zip(self._began, ends, strict=True)]
        return f"{ends[-1] - self._began[0][1]:.1f} s: {', '.join(seconds)}"
