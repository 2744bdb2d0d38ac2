"""The curves that a snapshot of a run holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays import Column
from tui.drawing.curves import Curve, moving_average
from tui.messages import Snapshot

TRAIN = (86, 180, 233)
VALIDATION = (230, 159, 0)
PARTS = {"loss": "loss", "reconstruction": "squared error", "kl": "KL divergence, nats"}
TITLES = PARTS | {"frechet": "distance of samples"}
SMOOTHING = (1, 10, 100)
SHARES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)


@dataclass(frozen=True)
class Axis:
    """What the x axis of all curves of a run counts, and how far it goes."""

    label: str
    steps_per_unit: int
    end: float

    def positions(self, steps: Column) -> Column:
        """Step numbers (N,) as positions on the axis."""
        return steps / self.steps_per_unit

    def last(self, share: float) -> tuple[float, float]:
        """From where to where the axis goes when it shows the last share of the run.

        It ends a little behind the run and stays so for a while: a plot that keeps its scale costs few bytes.
        """
        end = self.end or 1.0
        room = 2.0 ** math.floor(math.log2(end)) / 8
        start = math.floor(end * (1 - share) / (room * share)) * room * share
        return start, math.ceil(end / room) * room


def axis(snapshot: Snapshot) -> Axis:
    """Epochs where their length is known, else steps."""
    steps, epochs = snapshot.steps["step"], snapshot.epochs["step"]
    status = snapshot.summary.status
    per_epoch = status.steps_per_epoch if status else 0
    last = max((column[-1] for column in (steps, epochs) if len(column)), default=0.0)
    return Axis("epoch", per_epoch, last / per_epoch) if per_epoch else Axis("step", 1, last)


def curves_of(snapshot: Snapshot, part: str, smoothing: int) -> list[Curve]:
    """Training as a line, smoothed in front of the raw one where asked for, and validation as points."""
    unit = axis(snapshot)
    x, y = unit.positions(snapshot.steps["step"]), snapshot.steps[part]
    validated = np.isfinite(snapshot.epochs[f"val_{part}"])
    curves = [Curve("train", x, y, TRAIN, "line", dim=smoothing > 1)]
    if smoothing > 1:
        curves.append(Curve(f"mean of {smoothing}", x, moving_average(y, smoothing), TRAIN, "line"))
    points = unit.positions(snapshot.epochs["step"][validated])
    curves.append(Curve("validation", points, snapshot.epochs[f"val_{part}"][validated], VALIDATION, "points"))
    return curves


def distances(snapshot: Snapshot) -> Curve:
    """The Fréchet distance of samples in the epochs in which it was measured, as points."""
    measured = np.isfinite(snapshot.epochs["frechet"])
    epochs = axis(snapshot).positions(snapshot.epochs["step"][measured])
    return Curve("measured", epochs, snapshot.epochs["frechet"][measured], VALIDATION, "points")


def curve_table(curves: Mapping[str, Sequence[Curve]], x_label: str) -> dict[str, list[str] | Column]:
    """Curves by the part of the loss they show, as columns of a table with one line for each point."""
    pairs = [(part, curve) for part, drawn in curves.items() for curve in drawn]
    return {
        "part": [part for part, curve in pairs for _ in curve.x],
        "curve": [curve.label for _, curve in pairs for _ in curve.x],
        x_label: np.concatenate([curve.x for _, curve in pairs]),
        "value": np.concatenate([curve.y for _, curve in pairs]),
    }


def has_kl(snapshot: Snapshot) -> bool:
    """Whether the run's loss has a KL divergence that is not 0 throughout."""
    config = snapshot.summary.config
    return config is None or config.preset not in ("ae", "prior")
