"""From the metrics of a run to the curves and tables that are shown: smoothing, ranges, titles, colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Column, Integers
from core.text import printable
from tui.drawing.plots.axes import Range
from tui.drawing.plots.curves import Curve, moving_average
from tui.drawing.plots.scales import SCALES, Scale
from tui.messages import Snapshot

LOSS_TITLES = {"loss": "loss", "reconstruction": "squared error", "kl": "KL divergence, nats"}
TITLES = LOSS_TITLES | {"frechet": "Fréchet distance"}
SHORT_TITLES = {"reconstruction": "error", "kl": "KL", "frechet": "Fréchet"}
SMOOTHING_WINDOWS = (1, 10, 100)  # step lines that a point of the curve is the mean of
SMOOTHING_HINT = f"smooth the curves: mean of {' or '.join(map(str, SMOOTHING_WINDOWS[1:]))} points"
SCALE_HINT = "y axis: without outliers, all, from zero, logarithmic"
VISIBLE_FRACTIONS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)  # of the run, counted from its end
# Blue and orange are told apart with every kind of colour vision; the curves differ in shape too.
BLUE, ORANGE = (86, 180, 233), (230, 159, 0)
COMPARED_COLORS = BLUE, ORANGE


@dataclass(frozen=True)
class CurveOptions:
    """How the curves of a run are shown: the scale of y, the smoothing, and how much of the run."""

    scale: Scale = SCALES[0]
    window: int = SMOOTHING_WINDOWS[0]
    fraction: float = VISIBLE_FRACTIONS[0]

    def next_scale(self) -> CurveOptions:
        """Without outliers, all, from zero, logarithmic, and round again."""
        return replace(self, scale=SCALES[(SCALES.index(self.scale) + 1) % len(SCALES)])

    def next_window(self) -> CurveOptions:
        """Smoother, or not smoothed at all after the longest window."""
        following = (SMOOTHING_WINDOWS.index(self.window) + 1) % len(SMOOTHING_WINDOWS)
        return replace(self, window=SMOOTHING_WINDOWS[following])

    def narrower(self, by: int) -> CurveOptions:
        """Less of the run, or more where `by` is negative."""
        place = VISIBLE_FRACTIONS.index(self.fraction) + by
        return replace(self, fraction=VISIBLE_FRACTIONS[min(max(place, 0), len(VISIBLE_FRACTIONS) - 1)])


@dataclass(frozen=True)
class Axis:
    """The x axis of the curves of a run: what it counts, and how far it goes."""

    label: str
    steps_per_unit: int
    end: float

    def positions(self, steps: Column) -> Column:
        """Step numbers (N,) as positions on the axis."""
        return steps / self.steps_per_unit

    def range_of(self, fraction: float) -> tuple[float, float]:
        """The range that shows the last fraction of the run.

        It ends a little behind the run and stays there for a while: a plot that keeps its scale costs few bytes.
        """
        end = self.end or 1.0
        room = 2.0 ** math.floor(math.log2(end)) / 8
        start = math.floor(end * (1 - fraction) / (room * fraction)) * room * fraction
        return start, math.ceil(end / room) * room


def x_axis(snapshot: Snapshot) -> Axis:
    """Epochs where their length is known, else steps."""
    steps, epochs = snapshot.steps["step"], snapshot.epochs["step"]
    status = snapshot.summary.status
    per_epoch = status.steps_per_epoch if status else 0
    last = max((column[-1] for column in (steps, epochs) if len(column)), default=0.0)
    return Axis("epoch", per_epoch, last / per_epoch) if per_epoch else Axis("step", 1, last)


def loss_curves(snapshot: Snapshot, part: str, window: int) -> list[Curve]:
    """One of LOSS_TITLES: training as a line, with the moving average over `window` in front, validation with marks."""
    axis = x_axis(snapshot)
    x, y = axis.positions(snapshot.steps["step"]), snapshot.steps[part]
    curves = [Curve("train", x, y, BLUE, dim=window > 1)]
    if window > 1:
        curves.append(Curve(f"mean of {window}", x, moving_average(y, window), BLUE, short="mean"))
    best = _best(snapshot.epochs["val_loss"]) if part == "loss" else None
    return [*curves, _measured(snapshot, f"val_{part}", "validation", ORANGE, short="val", best=best)]


def frechet_curve(snapshot: Snapshot) -> Curve:
    """The Fréchet distance of samples after the epochs in which it was measured."""
    return _measured(snapshot, "frechet", "measured", ORANGE, best=_best(snapshot.epochs["frechet"]))


def compared_curves(snapshots: Sequence[Snapshot], part: str, window: int) -> list[Curve]:
    """The curves of two runs over each other: a colour and a shape for each run."""
    lines, points = [], []
    for snapshot, color in zip(snapshots, COMPARED_COLORS, strict=True):
        name, y = printable(snapshot.run.name), snapshot.steps[part]
        x = x_axis(snapshot).positions(snapshot.steps["step"])
        lines.append(Curve(name, x, moving_average(y, window) if window > 1 else y, color))
        points.append(_measured(snapshot, f"val_{part}", f"{name} validation", color))
    return [*lines, *points]


def common_range(snapshots: Sequence[Snapshot]) -> tuple[float, float]:
    """The range that shows all of the longest run."""
    return max(map(x_axis, snapshots), key=lambda axis: axis.end).range_of(1.0)


def _measured(
    snapshot: Snapshot,
    column: str,
    label: str,
    color: tuple[int, int, int],
    *,
    short: str = "",
    best: int | None = None,
) -> Curve:
    """A column of the epochs, those in which it was measured, as a line with marks."""
    measured = np.isfinite(snapshot.epochs[column])
    x = x_axis(snapshot).positions(snapshot.epochs["step"][measured])
    return Curve(label, x, snapshot.epochs[column][measured], color, "marked", short=short, best=best)


def _best(column: Column) -> int | None:
    """The place of the smallest among the values that were measured; None while there are fewer than two."""
    measured = column[np.isfinite(column)]
    return int(measured.argmin()) if len(measured) > 1 else None


def curve_table(
    curves: Mapping[str, Sequence[Curve]], x_label: str, x_range: Range
) -> dict[str, list[str] | Column | Integers]:
    """Curves by the part of the loss they show, as columns of a table with one line for each point.

    The last column says which points the range shows.
    """
    pairs = [(part, curve) for part, drawn in curves.items() for curve in drawn]
    x = np.concatenate([curve.x for _, curve in pairs])
    return {
        "part": [part for part, curve in pairs for _ in curve.x],
        "curve": [curve.label for _, curve in pairs for _ in curve.x],
        x_label: x,
        "value": np.concatenate([curve.y for _, curve in pairs]),
        "shown": ((x >= x_range[0]) & (x <= x_range[1])).astype(int),
    }
