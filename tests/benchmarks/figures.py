"""A measured figure beside its budget."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.benchmarks.machine import machine


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


def show(figures: Sequence[Figure], as_json: bool) -> None:
    """Print the figures and the machine, as a table or for a program."""
    if as_json:
        print(json.dumps({"machine": machine(), "figures": [figure.as_json() for figure in figures]}, indent=2))
        return
    for figure in figures:
        verdict = "ok" if figure.kept else "NOT KEPT"
        print(f"{figure.name:64} {figure.value:10,.4g} {figure.unit:10} {figure.bound} {figure.budget:8,g}  {verdict}")
        if figure.detail:
            print(f"    {figure.detail}")
    print(", ".join(f"{name} {value}" for name, value in machine().items() if value is not None))


def run_alone(description: str | None, measure: Callable[..., Sequence[Figure]], **sizes: Any) -> None:
    """The command line of one file of benchmarks: an option for each of its sizes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args())
    as_json = given.pop("json")
    show(measure(**given), as_json)
