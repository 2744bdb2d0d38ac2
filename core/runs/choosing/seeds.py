"""Runs that differ in nothing but the seed: the mean of what they came to, and how far they are apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Spread:
    """The mean of a figure over `n` runs, with the sample standard deviation, None of a single one."""

    mean: float
    deviation: float | None
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.4g}" if self.deviation is None else f"{self.mean:.4g} ± {self.deviation:.2g}"

    def as_json(self) -> dict[str, Any]:
        """Plain values under stable names, for programs."""
        return {"mean": self.mean, "std": self.deviation, "n": self.n}


def spread_of(figures: Sequence[float]) -> Spread | None:
    """That of these figures, one for each run; None where there are none."""
    if not figures:
        return None
    deviation = statistics.stdev(figures) if len(figures) > 1 else None
    return Spread(statistics.fmean(figures), deviation, len(figures))


def without_seed(settings: Mapping[str, Setting]) -> tuple[tuple[str, Setting], ...]:
    """What runs that differ in nothing but the seed have in common."""
    return tuple((name, value) for name, value in settings.items() if name != "seed")


def spreads(
    figures: Iterable[tuple[Mapping[str, Setting], float | None]],
) -> list[tuple[Mapping[str, Setting], Spread | None]]:
    """What runs that differ in nothing but the seed have in common, and the spread of the figures there are.

    Each run is given by its settings and its figure, None where it has none.
    """
    found: dict[tuple[tuple[str, Setting], ...], list[float]] = {}
    for settings, figure in figures:
        found.setdefault(without_seed(settings), []).extend([] if figure is None else [figure])
    return [(dict(key), spread_of(known)) for key, known in found.items()]
