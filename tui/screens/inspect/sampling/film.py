"""Frames that are shown one after the other as they come, such as samples on their way out of noise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from textual.screen import Screen
from textual.timer import Timer

Frame = TypeVar("Frame")


class Film(Generic[Frame]):
    """Plays on a screen, a frame after at least so many seconds; the last frame stays."""

    def __init__(self, screen: Screen[Any], show: Callable[[Frame], object], seconds: float) -> None:
        self._screen, self._show, self._seconds = screen, show, seconds
        self._left: deque[Frame] = deque()
        self._timer: Timer | None = None

    def add(self, frame: Frame) -> None:
        """Show this when those before were seen."""
        self._left.append(frame)
        if self._timer is None:
            self._timer = self._screen.set_interval(self._seconds, self._next)
            self._next()

    def finish(self) -> None:
        """Show the last frame that came, if there are any to be seen."""
        while len(self._left) > 1:
            self._left.popleft()
        if self._left:
            self._next()

    def stop(self) -> None:
        """Show no further frames."""
        self._left.clear()
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _next(self) -> None:
        if self._left:
            self._show(self._left.popleft())
        else:
            self.stop()
