"""A measured figure beside its budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


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
