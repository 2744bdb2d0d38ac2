"""The scale of a setting or a figure in a picture of a sweep: numbers, their logarithms, or places of words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.runs.choosing.outcome import Value
from core.runs.settings import as_text
from tui.drawing.plots.axes import Range, Ticks, linear_ticks, log_ticks

WIDE = 5.0  # times the lowest value, from which on values are shown by their logarithms


@dataclass(frozen=True)
class Axis:
    """Where values lie between `limits`; `words` are those that are no numbers, in their order."""

    limits: Range
    ticks: Ticks
    words: tuple[str, ...] = ()
    is_logarithmic: bool = False

    def at(self, value: Value) -> float:
        """Where a value lies."""
        if self.words:
            return float(self.words.index(str(value)))
        return math.log10(float(value)) if self.is_logarithmic else float(value)

    def part(self, value: Value) -> float:
        """How far it lies between both ends, 0 to 1."""
        low, high = self.limits
        return (self.at(value) - low) / (high - low) if high > low else 0.5


def axis_of(values: Sequence[Value], ticks: int) -> Axis:
    """The axis on which these values lie, with about so many ticks."""
    numbers = [float(value) for value in values if not isinstance(value, str)]
    if len(numbers) < len(values):
        words = tuple(sorted({str(value) for value in values}))
        return Axis((-0.5, len(words) - 0.5), {float(place): word for place, word in enumerate(words)}, words)
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    is_logarithmic = low > 0 and high >= WIDE * low
    found = log_ticks(math.log10(low), math.log10(high), ticks) if is_logarithmic else linear_ticks(low, high, ticks)
    return Axis(*found, (), is_logarithmic)


def setting_axis(values: Sequence[Value], ticks: int) -> Axis:
    """The same for a setting: where there are few values, each has a tick."""
    axis = axis_of(values, ticks)
    if axis.words or not 1 < len(set(values)) <= ticks:
        return axis
    return replace(axis, ticks={axis.at(value): as_text(value) for value in set(values)})
