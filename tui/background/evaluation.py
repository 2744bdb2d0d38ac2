"""An evaluation in the background: what it measures, its progress, and how it is cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Cancelled(Exception):
    """The user cancelled the evaluation."""


class EvaluationJob:
    """An evaluation that was asked for, and its progress."""

    def __init__(self, sampler: str, samples: int) -> None:
        self.sampler, self.samples = sampler, samples
        self.words = "about to begin"
        self.figures: Mapping[str, Any] = {}  # that are known so far
        self.cancelled = False

    def report(self, words: str) -> None:
        """Called in the thread that evaluates. Raises Cancelled."""
        if self.cancelled:
            raise Cancelled
        self.words = words

    def show(self, figures: Mapping[str, Any]) -> None:
        """Called there with what is known. Raises Cancelled."""
        if self.cancelled:
            raise Cancelled
        self.figures = figures
