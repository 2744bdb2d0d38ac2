"""The time that a trainer is given: it saves and stops before that is over."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ConfigError
from core.jobs.trainer.intervals import Intervals

CLOCK = re.compile(r"(?:(\d{1,4})-)?(\d{1,4}):([0-5]\d):([0-5]\d)", re.ASCII)
UNITS = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
SECONDS = (86_400, 3600, 60, 1)
LONGEST = 365 * 86_400.0


def parse_duration(text: str) -> float:
    """The seconds of `4h`, `90m`, `1h30m`, `1:30:00` or, as Slurm writes days, `1-12:00:00`. Raises ConfigError.

    A bare number is refused: some programs take it for minutes, others for seconds.
    """
    found = CLOCK.fullmatch(text) if ":" in text else UNITS.fullmatch(text)
    seconds = sum(float(part or 0) * unit for part, unit in zip(found.groups(), SECONDS, strict=True)) if found else 0.0
    if not 0 < seconds <= LONGEST:
        said = f"such as 4h, 90m or 1:30:00, and at most 365d, not {text[:40]!r}"
        raise ConfigError({"time_limit": f"time limit must be a duration {said}"})
    return seconds


@dataclass(frozen=True)
class TimeLimit:
    """So many seconds, counted from a moment of a clock that nobody can set."""

    seconds: float
    began: float

    @property
    def left(self) -> float:
        """The seconds until it is over."""
        return self.began + self.seconds - time.monotonic()

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds, 3), 60)
        parts = [(minutes // 60, "h"), (minutes % 60, "min"), (seconds, "s")]
        return " ".join(f"{number:g} {unit}" for number, unit in parts if number)


class Deadline:
    """Says when a training is to save and stop, so that its process has ended by then.

    How early that is follows from the slowest save, and the slowest step or batch of a validation.
    """

    def __init__(
        self, limit: TimeLimit | None, intervals: Intervals, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._intervals, self._now = limit, intervals, now
        self._step = self._save = 0.0
        self._left: float | None = None

    def step_begins(self) -> None:
        """Training goes on from a look at what it is told."""
        self._left = self._now()

    def step_ended(self) -> None:
        """Training is at its next boundary."""
        if self._left is not None:
            self._step = max(self._step, self._now() - self._left)

    def saved(self, seconds: float) -> None:
        """A save took so long."""
        self._save = max(self._save, seconds)

    @property
    def reached(self) -> str | None:
        """Why training has to stop now, if it has."""
        if self._limit is None:
            return None
        needed = self._intervals.ending_time(self._save, self._step)
        is_time = self._now() - self._limit.began >= self._limit.seconds - needed
        return f"its time limit of {self._limit} is reached" if is_time else None
