"""Readers that are fed by hand, in place of those of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from core.runs.run import Run
from tests.support.images import dimmed, rings
from tui.messages import Preview

News = TypeVar("News")


class HandFed(Generic[News]):
    """A reader that hands on what a test puts in."""

    def __init__(self, *news: News) -> None:
        self.waiting = list(news)
        self.polls = 0

    def poll(self) -> News | None:
        self.polls += 1
        return self.waiting.pop(0) if self.waiting else None


class Readers(Generic[News]):
    """Opens a reader for each who asks, with what there is to see of the run; `last` is the one opened last."""

    def __init__(self, first: Callable[[Run], News]) -> None:
        self.first = first
        self.last: HandFed[News] = HandFed()

    def open(self, run: Run) -> HandFed[News]:
        self.last = HandFed(self.first(run))
        return self.last


class Pictures:
    """Gives the same rings over and over, or a message."""

    def __init__(self, run: Run, message: str = "") -> None:
        self.run, self.message, self.reads = run, message, 0

    def read(self) -> Preview:
        self.reads += 1
        if self.message:
            return Preview(self.run, message=self.message)
        originals = rings(0.3 + np.arange(10) / 20)
        return Preview(self.run, originals, dimmed(originals, 0.5))
