"""Frames that are shown one after the other, such as samples on their way out of noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from textual.screen import Screen
from textual.timer import Timer

Frame = TypeVar("Frame")


class Film(Generic[Frame]):
    """Plays on a screen; the last frame stays."""

    def __init__(self, screen: Screen[Any], show: Callable[[Frame], object], seconds: float) -> None:
        self._screen, self._show, self._seconds = screen, show, seconds
        self._left: list[Frame] = []
        self._timer: Timer | None = None

    def play(self, frames: Sequence[Frame]) -> None:
        """Show the first of these now, in place of what was played."""
        self.stop()
        self._left = list(frames)
        self._next()
        if self._left:
            self._timer = self._screen.set_interval(self._seconds, self._next)

    def finish(self) -> None:
        """Show the last frame now, if there are any to come."""
        if self._left:
            self._left = self._left[-1:]
            self._next()

    def stop(self) -> None:
        """Show no further frames."""
        self._left = []
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _next(self) -> None:
        self._show(self._left.pop(0))
        if not self._left:
            self.stop()
