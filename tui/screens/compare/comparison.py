"""What two runs have in common and where they differ: their settings, and their curves over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.runs.catalog import RunSummary
from core.runs.config import RunConfig
from tui import formatting
from tui.drawing.curves import Curve, moving_average
from tui.messages import Snapshot
from tui.series import axis

# Blue and orange are told apart with every kind of colour vision; the curves differ in shape too.
COLORS = ((86, 180, 233), (230, 159, 0))


@dataclass(frozen=True)
class Row:
    """A setting or a result of two runs."""

    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def settings(left: RunSummary, right: RunSummary) -> list[Row]:
    """Every hyper-parameter, then how far the runs are and what they reached."""
    fields = [field for field in RunConfig.model_fields if field not in ("created", "versions", "data_dir")]
    configs = [summary.config for summary in (left, right)]
    rows = [Row(field.replace("_", " "), *(_setting(config, field) for config in configs)) for field in fields]
    packages = dict.fromkeys(package for config in configs if config for package in config.versions)
    rows += [Row(f"{name} version", *(_version(config, name) for config in configs)) for name in packages]
    rows += [
        Row("state", str(left.state or "damaged"), str(right.state or "damaged")),
        Row("epochs done", _epoch(left), _epoch(right)),
        Row("training loss", formatting.loss(left.train_loss), formatting.loss(right.train_loss)),
        Row("validation loss", formatting.loss(left.val_loss), formatting.loss(right.val_loss)),
    ]
    return rows


def _setting(config: RunConfig | None, field: str) -> str:
    value = None if config is None else getattr(config, field)
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else formatting.printable(str(value))


def _version(config: RunConfig | None, package: str) -> str:
    return formatting.printable(config.versions.get(package, "–")) if config else "–"


def _epoch(summary: RunSummary) -> str:
    return str(summary.status.epoch) if summary.status else "–"


def overlaid(snapshots: Sequence[Snapshot], part: str, smoothing: int) -> list[Curve]:
    """The curves of two runs: training as lines, validation as points, a colour and a shape for each run."""
    lines, points = [], []
    for snapshot, color in zip(snapshots, COLORS, strict=True):
        unit, name = axis(snapshot), formatting.printable(snapshot.run.name)
        x, y = unit.positions(snapshot.steps["step"]), snapshot.steps[part]
        lines.append(Curve(name, x, moving_average(y, smoothing) if smoothing > 1 else y, color))
        validated = np.isfinite(snapshot.epochs[f"val_{part}"])
        positions = unit.positions(snapshot.epochs["step"][validated])
        points.append(
            Curve(f"{name} validation", positions, snapshot.epochs[f"val_{part}"][validated], color, "points")
        )
    return [*lines, *points]


def common_range(snapshots: Sequence[Snapshot]) -> tuple[float, float]:
    """From 0 to a little behind the end of the longer run; it stays so for a while."""
    end = max(axis(snapshot).end for snapshot in snapshots) or 1.0
    room = 2.0 ** math.floor(math.log2(end)) / 8
    return 0.0, math.ceil(end / room) * room
