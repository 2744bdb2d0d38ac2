"""A measured figure beside its budget."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.benchmarks.machine import machine

# A figure is worse than before below so many times; a quiet machine's speed alone varies by half of that.
WORSE = 0.9


@dataclass(frozen=True)
class Figure:
    """One number of DESIGN.md's budgets; `of_budget` is above 1 where an upper bound is broken, below 1 a lower one."""

    name: str
    value: float
    unit: str
    bound: Literal["at least", "at most"]
    budget: float
    detail: str = ""

    @property
    def kept(self) -> bool:
        """Whether the figure is within its budget."""
        return self.value >= self.budget if self.bound == "at least" else self.value <= self.budget

    def as_json(self) -> dict[str, Any]:
        """Plain values under stable names."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "bound": self.bound,
            "budget": self.budget,
            "of_budget": round(self.value / self.budget, 3) if self.budget else None,
            "kept": self.kept,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Before:
    """A value that the same figure had, and when."""

    value: float
    date: str

    def change(self, figure: Figure) -> float:
        """How many times better the figure is now; below 1 it is worse. A value of 0 has no ratio: NaN."""
        better, worse = figure.value, self.value
        if figure.bound == "at most":
            better, worse = worse, better
        return better / worse if worse else math.nan

    def in_words(self, figure: Figure) -> str:
        """How the figure stands against it."""
        change = self.change(figure)
        verdict = "WORSE: " if change < WORSE else ""
        times = "" if math.isnan(change) else f"{change:.2f} times as good as "
        return f"{verdict}{times}{self.value:,.4g} {figure.unit} on {self.date[:10]}"


def as_json(figures: Sequence[Figure], found: Mapping[str, object], past: Mapping[str, Before]) -> dict[str, Any]:
    """What was measured on which machine, and beside each figure what it was before, in plain values."""
    lines = []
    for figure in figures:
        line = figure.as_json()
        if before := past.get(figure.name):
            change = before.change(figure)
            line["before"] = vars(before) | {"change": None if math.isnan(change) else round(change, 3)}
        lines.append(line)
    return {"machine": dict(found), "figures": lines}


def show(figures: Sequence[Figure], found: Mapping[str, object], past: Mapping[str, Before]) -> None:
    """Print the figures and the machine as a table."""
    for figure in figures:
        verdict = "ok" if figure.kept else "NOT KEPT"
        print(f"{figure.name:64} {figure.value:10,.4g} {figure.unit:10} {figure.bound} {figure.budget:8,g}  {verdict}")
        if figure.detail:
            print(f"    {figure.detail}")
        if before := past.get(figure.name):
            print(f"    {before.in_words(figure)}")
    print(", ".join(f"{name} {value}" for name, value in found.items() if value is not None))


def run_alone(description: str | None, measure: Callable[..., Sequence[Figure]], **sizes: Any) -> None:
    """The command line of one file of benchmarks: an option for each of its sizes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args())
    in_json = given.pop("json")
    figures = measure(**given)
    if in_json:
        print(json.dumps(as_json(figures, machine(), {}), indent=2))
    else:
        show(figures, machine(), {})
