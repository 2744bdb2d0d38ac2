"""Everything that readers and tasks hand to screens: immutable snapshots and results."""

from __future__ import annotations

from dataclasses import dataclass

from core.arrays import Column, Images
from core.runs.catalog import RunSummary
from core.runs.run import Run


class Cancelled(Exception):
    """The user does not want the figures any more."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that the training screen shows of a run at one moment; the columns never change afterwards."""

    summary: RunSummary
    steps: dict[str, Column]
    epochs: dict[str, Column]
    weights_version: int = 0
    metrics_damage: str | None = None

    @property
    def run(self) -> Run:
        return self.summary.run


@dataclass(frozen=True)
class RunUpdate:
    """A run in short and a number that changes whenever its newest weights do, 0 while there are none."""

    summary: RunSummary
    weights: int


@dataclass(frozen=True, eq=False)
class Preview:
    """Originals and reconstructions, each (N, 28, 28) in [0, 1]; or, without them, why there are none."""

    run: Run
    originals: Images | None = None
    reconstructions: Images | None = None
    message: str = ""
