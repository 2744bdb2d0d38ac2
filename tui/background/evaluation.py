"""A measurement that was asked for: what it measures, how far it is, and its end on request."""

from __future__ import annotations


class Cancelled(Exception):
    """The user does not want the figures any more."""


class EvaluationJob:
    """One that was asked for: with what, and what it is at."""

    def __init__(self, sampler: str, samples: int) -> None:
        self.sampler, self.samples = sampler, samples
        self.words = "about to begin"
        self.cancelled = False

    def report(self, words: str) -> None:
        """Called by the thread that measures. Raises Cancelled."""
        if self.cancelled:
            raise Cancelled
        self.words = words
