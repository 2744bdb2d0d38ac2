"""From the metrics of runs to the charts and tables that are shown: axes, smoothing, titles, colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

import numpy as np

from core.arrays import Column, Integers
from core.text import printable
from tui import formatting
from tui.drawing.plots.axes import Range, XUnit
from tui.drawing.plots.curves import Curve
from tui.drawing.plots.scales import SCALES, Scale
from tui.drawing.plots.smoothing import exponential
from tui.messages import Snapshot

LOSS_TITLES = {"loss": "loss", "reconstruction": "squared error", "kl": "KL divergence, nats"}
TITLES = LOSS_TITLES | {"frechet": "Fréchet distance"}
SHORT_TITLES = {"loss": "loss", "reconstruction": "error", "kl": "KL", "frechet": "Fréchet"}
WEIGHTS = (0.0, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
VISIBLE_FRACTIONS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)  # of the run, counted from its end
# Blue and orange are told apart with every kind of colour vision; the curves differ in shape too.
BLUE, ORANGE = (86, 180, 233), (230, 159, 0)
COMPARED_COLORS = BLUE, ORANGE
# Epochs, steps, the time that was trained, the time of day (without pauses).
XKind = Literal["epoch", "step", "trained", "clock"]
X_KINDS: tuple[XKind, ...] = get_args(XKind)
X_UNITS: dict[XKind, XUnit] = {"epoch": "number", "step": "number", "trained": "duration", "clock": "clock"}

_KEPT: WeakKeyDictionary[Snapshot, dict[Any, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class CurveOptions:
    """How curves are shown: what x counts, the part of y, the weight of the smoothing, and how much of the run."""

    x: XKind = X_KINDS[0]
    scale: Scale = SCALES[0]
    weight: float = WEIGHTS[0]
    fraction: float = VISIBLE_FRACTIONS[0]

    def next_x(self) -> CurveOptions:
        """Epochs, steps, the time trained, the time of day, and round again."""
        return replace(self, x=X_KINDS[(X_KINDS.index(self.x) + 1) % len(X_KINDS)])

    def next_scale(self) -> CurveOptions:
        """Without outliers, all, from zero, logarithmic, and round again."""
        return replace(self, scale=SCALES[(SCALES.index(self.scale) + 1) % len(SCALES)])

    def smoother(self, by: int) -> CurveOptions:
        """Smoother, or less smooth where `by` is negative; beyond either end comes the other one."""
        return replace(self, weight=WEIGHTS[(WEIGHTS.index(self.weight) + by) % len(WEIGHTS)])

    def narrower(self, by: int) -> CurveOptions:
        """Less of the run, or more where `by` is negative."""
        place = VISIBLE_FRACTIONS.index(self.fraction) + by
        return replace(self, fraction=VISIBLE_FRACTIONS[min(max(place, 0), len(VISIBLE_FRACTIONS) - 1)])


@dataclass(frozen=True)
class Axis:
    """The x axis of the curves of runs: what it counts, and from where to where they go."""

    kind: XKind
    end: float
    start: float = 0.0

    @property
    def label(self) -> str:
        return self.kind

    @property
    def unit(self) -> XUnit:
        return X_UNITS[self.kind]

    def positions(self, snapshot: Snapshot, rows: Mapping[str, Column]) -> Column:
        """Rows of a run, (N,) each, as positions on the axis."""
        if self.kind in ("epoch", "step"):
            return rows["step"] / (_steps_per_epoch(snapshot) if self.kind == "epoch" else 1)
        # Files from elsewhere may hold any times; positions must ascend.
        seconds = np.maximum.accumulate(rows["time"]) if len(rows["time"]) else rows["time"]
        return seconds + (_created(snapshot) if self.kind == "clock" else 0.0)

    def range_of(self, fraction: float) -> Range:
        """The range that shows the last fraction of the run.

        It ends a little behind the run and stays there for a while: a plot that keeps its scale costs few bytes.
        """
        end = (self.end - self.start) or 1.0
        room = 2.0 ** math.floor(math.log2(end)) / 8
        start = math.floor(end * (1 - fraction) / (room * fraction)) * room * fraction
        return self.start + start, self.start + math.ceil(end / room) * room


def x_axis(snapshots: Sequence[Snapshot], kind: XKind = "epoch") -> Axis:
    """The axis that counts this and holds all runs; steps where the length of an epoch is not known of all."""
    if kind == "epoch" and not all(map(_steps_per_epoch, snapshots)):
        kind = "step"
    if kind == "clock" and not all(map(_created, snapshots)):
        kind = "trained"
    axis, ends, starts = Axis(kind, 0.0), [0.0], []
    for snapshot in snapshots:
        starts.append(_created(snapshot) if kind == "clock" else 0.0)
        for rows in (snapshot.steps, snapshot.epochs):
            if len(rows["step"]):
                ends.append(float(axis.positions(snapshot, {name: rows[name][-1:] for name in ("step", "time")})[0]))
    start = min(starts, default=0.0)
    return Axis(kind, max(start, *ends), start)


def _steps_per_epoch(snapshot: Snapshot) -> int:
    status = snapshot.summary.status
    return status.steps_per_epoch if status else 0


def _created(snapshot: Snapshot) -> float:
    """When the run was made, in seconds since 1970; 0 where nobody knows."""
    config = snapshot.summary.config
    try:
        return max(datetime.fromisoformat(config.created).timestamp(), 0.0) if config else 0.0
    except (ValueError, OverflowError):
        return 0.0


@dataclass(frozen=True, eq=False)
class Chart:
    """Curves that share axes."""

    key: str
    curves: Sequence[Curve]

    @property
    def title(self) -> str:
        return TITLES[self.key]

    @property
    def short_title(self) -> str:
        return SHORT_TITLES[self.key]


def charts(snapshots: Sequence[Snapshot], options: CurveOptions, axis: Axis) -> list[Chart]:
    """The charts of one run or of several over each other: the loss, its parts, the distance of samples."""
    has_kl = any(snapshot.summary.preset.has_kl for snapshot in snapshots)
    make = run_curves if len(snapshots) == 1 else compared_curves
    drawn = [Chart(part, make(snapshots, part, options, axis)) for part in (LOSS_TITLES if has_kl else ["loss"])]
    distances = make(snapshots, "frechet", options, axis)
    return [*drawn, Chart("frechet", distances)] if any(len(curve.x) for curve in distances) else drawn


def run_curves(snapshots: Sequence[Snapshot], part: str, options: CurveOptions, axis: Axis) -> list[Curve]:
    """Of one run: training as a line, smoothed in front of what was written, validation as a line with marks."""
    (snapshot,) = snapshots
    if part == "frechet":
        return [_measured(snapshot, axis, "frechet", "measured", ORANGE, marks_best=True)]
    x, y = _step_positions(snapshot, axis), snapshot.steps[part]
    curves = [Curve("train", x, y, BLUE, dim=options.weight > 0)]
    if options.weight:
        smoothed = _smoothed(snapshot, part, options.weight)
        curves.append(Curve(f"smoothed {options.weight:g}", x, smoothed, BLUE, short="smooth"))
    best = part == "loss"
    return [*curves, _measured(snapshot, axis, f"val_{part}", "validation", ORANGE, short="val", marks_best=best)]


def compared_curves(snapshots: Sequence[Snapshot], part: str, options: CurveOptions, axis: Axis) -> list[Curve]:
    """Of several runs over each other: a colour and a shape for each run."""
    lines, points = [], []
    for snapshot, color in zip(snapshots, COMPARED_COLORS, strict=True):
        name = printable(snapshot.run.name)
        if part == "frechet":
            points.append(_measured(snapshot, axis, "frechet", name, color))
            continue
        y = _smoothed(snapshot, part, options.weight)
        lines.append(Curve(name, _step_positions(snapshot, axis), y, color))
        points.append(_measured(snapshot, axis, f"val_{part}", f"{name} validation", color))
    return [*lines, *points]


def _smoothed(snapshot: Snapshot, part: str, weight: float) -> Column:
    y = snapshot.steps[part]
    return _kept(snapshot, (part, weight), lambda: exponential(y, weight)) if weight else y


def _step_positions(snapshot: Snapshot, axis: Axis) -> Column:
    return _kept(snapshot, axis.kind, lambda: axis.positions(snapshot, snapshot.steps))


def _kept(snapshot: Snapshot, key: object, make: Callable[[], Column]) -> Column:
    """What was made of the columns of this snapshot before, or is made now: they never change."""
    kept = _KEPT.setdefault(snapshot, {})
    if key not in kept:
        kept[key] = make()
    return np.asarray(kept[key])


def _measured(
    snapshot: Snapshot,
    axis: Axis,
    column: str,
    label: str,
    color: tuple[int, int, int],
    *,
    short: str = "",
    marks_best: bool = False,
) -> Curve:
    """A column of the epochs, those in which it was measured, as a line with marks; the smallest may have its own."""
    measured = np.isfinite(snapshot.epochs[column])
    x = axis.positions(snapshot, {name: snapshot.epochs[name][measured] for name in ("step", "time")})
    y = snapshot.epochs[column][measured]
    if not marks_best or len(y) < 2:
        return Curve(label, x, y, color, "marked", short=short)
    best = int(y.argmin())
    epoch = f"epoch {snapshot.epochs['epoch'][measured][best]:.0f}"
    return Curve(label, x, y, color, "marked", short=short, best=best, best_at=epoch)


def position(snapshot: Snapshot, axis: Axis, cursor: float) -> str:
    """Where the cursor is in the run: epoch, step, time trained, time of day; empty where the run has not been."""
    x = _step_positions(snapshot, axis)
    index = Curve("", x, snapshot.steps["step"], BLUE).nearest(cursor)
    if index is None:
        return ""
    step, seconds = float(snapshot.steps["step"][index]), float(snapshot.steps["time"][index])
    words = [f"step {step:,.0f}", formatting.duration(seconds)]
    if per_epoch := _steps_per_epoch(snapshot):
        words.insert(0, f"epoch {step / per_epoch:.2f}")
    if created := _created(snapshot):
        words.append(datetime.fromtimestamp(created + seconds).strftime("%H:%M:%S"))
    return ", ".join(words)


def curve_table(charts: Sequence[Chart], x_label: str, x_range: Range) -> dict[str, list[str] | Column | Integers]:
    """Curves by the chart they are in, as columns of a table with one line for each point.

    The last column says which points the range shows.
    """
    pairs = [(chart.key, curve) for chart in charts for curve in chart.curves]
    x = np.concatenate([curve.x for _, curve in pairs])
    return {
        "part": [part for part, curve in pairs for _ in curve.x],
        "curve": [curve.label for _, curve in pairs for _ in curve.x],
        x_label: x,
        "value": np.concatenate([curve.y for _, curve in pairs]),
        "shown": ((x >= x_range[0]) & (x <= x_range[1])).astype(int),
    }
