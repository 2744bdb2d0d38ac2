"""From the metrics of runs to the charts and tables that are shown: axes, smoothing, titles, colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import numpy as np

from core.arrays import Column
from core.runs.run import Run
from core.text import printable
from tui.drawing.plots.curves import Curve
from tui.drawing.plots.scales import SCALES, Scale
from tui.drawing.plots.smoothing import Smoothing, binned, mean_and_band
from tui.messages import Snapshot
from tui.quantities import QUANTITIES, USUAL_CHARTS, columns_of, has, titles
from tui.run_axis import X_KINDS, Axis, XKind, kept, kept_drawn, step_positions
from tui.run_looks import BLUE, ORANGE, RUN_COLORS, color_of

WEIGHTS = (0.0, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
VISIBLE_FRACTIONS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)  # of the run, counted from its end
NOT_COMPARED = {"seed", "created", "versions", "data_dir"}
MOST_SMOOTHINGS = 6  # that are kept, of the charts that are seen
LONGEST_MARK = 24  # cells
BINS = 512  # in which the steps of several seeds are put together

_SMOOTHINGS: dict[tuple[Run, str, float], Smoothing] = {}


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


@dataclass(frozen=True, eq=False)
class Chart:
    """Curves that share axes."""

    key: str
    curves: Sequence[Curve]
    title: str
    short_title: str


def available(snapshots: Sequence[Snapshot]) -> list[str]:
    """The charts that there is something to show in."""
    together = len(snapshots) > 1  # then each run has one curve
    keys = [key for key in QUANTITIES if not together or len(columns_of(key)) == 1]
    return [key for key in keys if any(has(snapshot, key) for snapshot in snapshots)]


def shown(snapshots: Sequence[Snapshot], chosen: Sequence[str]) -> list[str]:
    """The chosen charts that there is something to show in; where there are none, the usual ones, the loss at least."""
    there = available(snapshots)
    kept_to = [key for key in there if key in chosen]
    return kept_to or [key for key in there if key in USUAL_CHARTS] or list(USUAL_CHARTS[:1])


def charts(
    snapshots: Sequence[Snapshot],
    options: CurveOptions,
    axis: Axis,
    place_of: Callable[[Run], int],
    keys: Sequence[str] = USUAL_CHARTS,
) -> list[Chart]:
    """The charts of one run or of several over each other: what is `shown` of these keys.

    `place_of` gives the place of a run among colours and markers.
    """
    return [chart(snapshots, key, options, axis, place_of) for key in shown(snapshots, keys)]


def chart(
    snapshots: Sequence[Snapshot], key: str, options: CurveOptions, axis: Axis, place_of: Callable[[Run], int]
) -> Chart:
    """One of the charts that are available."""
    if len(snapshots) == 1:
        curves = run_curves(snapshots, key, options, axis)
    else:
        curves = compared_curves(snapshots, key, options, axis, place_of)
    return Chart(key, curves, *titles(key, snapshots))


def run_curves(snapshots: Sequence[Snapshot], part: str, options: CurveOptions, axis: Axis) -> list[Curve]:
    """Of one run: training as a line, smoothed in front of what was written, validation as a line with marks."""
    (snapshot,) = snapshots
    quantity = QUANTITIES[part]
    if quantity.source == "epochs":
        found = zip(columns_of(part), quantity.labels, strict=True)
        several, rows = len(quantity.labels) > 1, snapshot.epochs
        labels = [each for each in found if not several or np.isfinite(rows[each[0]]).any()]  # fewer channels
        colors = cycle(RUN_COLORS if several else [ORANGE])
        best = quantity.smallest_is_best
        return [
            _measured(snapshot, axis, column, label, color, marks_best=best)
            for (column, label), color in zip(labels, colors, strict=False)
        ]
    x, y = _line(snapshot, part, axis)
    changes = _marks(snapshot, part, axis)
    drawn, weight = kept_drawn(snapshot, part, axis.kind, 0.0), _weight(part, options)
    curves = [Curve(quantity.labels[0], x, y, BLUE, dim=weight > 0, changes=changes, kept=drawn)]
    if weight:
        _, smoothed = _line(snapshot, part, axis, weight)
        drawn = kept_drawn(snapshot, part, axis.kind, weight)
        curves.append(Curve(f"smoothed {weight:g}", x, smoothed, BLUE, short="smooth", kept=drawn))
    if not quantity.is_validated:
        return curves
    best = quantity.smallest_is_best
    return [*curves, _measured(snapshot, axis, f"val_{part}", "validation", ORANGE, short="val", marks_best=best)]


def compared_curves(
    snapshots: Sequence[Snapshot], part: str, options: CurveOptions, axis: Axis, place_of: Callable[[Run], int]
) -> list[Curve]:
    """Of several runs over each other: a colour and markers for each run, or for those that differ in the seed only.

    Seeds are drawn as their mean with a band from the smallest to the largest. Training as a line, smoothed if that is
    asked for, validation as a line with marks.
    """
    lines, points = [], []
    snapshots = [snapshot for snapshot in snapshots if has(snapshot, part)]
    # Seeds that were trained one after the other have no time of day in common.
    groups = [[snapshot] for snapshot in snapshots] if axis.kind == "clock" else seeds_together(snapshots)
    for group in groups:
        place, rest = place_of(group[0].run), len(group) - 1
        name = printable(group[0].run.name) + (f" and {rest} more seed{'s' * (rest > 1)}" if rest else "")
        short = printable(group[0].run.name) + (f" +{rest}" if rest else "")
        look = {"color": color_of(place), "place": place}
        quantity = QUANTITIES[part]
        if quantity.source != "epochs":
            is_faint = quantity.is_validated  # which stands beside it
            lines.append(_mean_of_steps(name, group, part, options, axis, look | {"short": short, "dim": is_faint}))
        if quantity.source != "epochs" and not quantity.is_validated:
            continue
        # Both curves of a run have one name.
        label, column = ("", f"val_{part}") if quantity.is_validated else (name, part)
        points.append(_mean_of_epochs(label, group, column, axis, look | {"short": short}))
    return [*lines, *points]


def seeds_together(snapshots: Sequence[Snapshot]) -> list[list[Snapshot]]:
    """The runs in groups that have the same settings but for the seed, each where its first one is."""
    groups: dict[object, list[Snapshot]] = {}
    for snapshot in snapshots:
        config = snapshot.summary.config
        key: object = snapshot.run if config is None else config.model_dump_json(exclude=NOT_COMPARED)
        groups.setdefault(key, []).append(snapshot)
    return list(groups.values())


def _mean_of_steps(
    label: str, group: Sequence[Snapshot], part: str, options: CurveOptions, axis: Axis, look: Mapping[str, Any]
) -> Curve:
    """What was trained: as written of one run, of several seeds the mean in each part of the axis."""
    weight = _weight(part, options)
    columns = [_line(run, part, axis, weight) for run in group]
    if len(columns) == 1:
        drawn = kept_drawn(group[0], part, axis.kind, weight)
        return Curve(label, *columns[0], **look, kept=drawn, changes=_marks(group[0], part, axis, look["short"]))
    ends = [(float(x[0]), float(x[-1])) for x, _ in columns if len(x)]
    if not ends:
        return Curve(label, np.empty(0), np.empty(0), **look)
    edges = np.linspace(min(low for low, _ in ends), max(high for _, high in ends) * (1 + 1e-9), BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    means = [_filled(middle, binned(x, y, edges)) for x, y in columns]
    mean, low, high = mean_and_band(means)
    known = np.isfinite(mean)
    return Curve(label, middle[known], mean[known], band=(low[known], high[known]), **look)


def _filled(x: Column, y: Column) -> Column:
    """The empty bins between others filled; those before the first and after the last stay empty."""
    known = np.isfinite(y)
    return np.interp(x, x[known], y[known], left=np.nan, right=np.nan) if known.any() else y


def _mean_of_epochs(label: str, group: Sequence[Snapshot], column: str, axis: Axis, look: Mapping[str, Any]) -> Curve:
    """What was measured: of several seeds the mean of those epochs that all of them have."""
    curves = [_measured(run, axis, column, label, look["color"]) for run in group]
    if len(curves) == 1:
        return replace(curves[0], place=look["place"], short=look["short"])
    by_epoch = [dict(zip(run.epochs["epoch"].tolist(), run.epochs[column].tolist(), strict=True)) for run in group]
    x_of = dict(zip(group[0].epochs["epoch"].tolist(), axis.positions(group[0], group[0].epochs).tolist(), strict=True))
    epochs = [epoch for epoch in x_of if all(np.isfinite(values.get(epoch, np.nan)) for values in by_epoch)]
    rows = [np.array([values[epoch] for epoch in epochs]) for values in by_epoch]
    mean, low, high = mean_and_band(rows)
    x = np.array([x_of[epoch] for epoch in epochs])
    return Curve(label, x, mean, style="marked", band=(low, high), **look)


def _weight(part: str, options: CurveOptions) -> float:
    """That of the smoothing; what is set, such as the learning rate, stays as it was."""
    return 0.0 if QUANTITIES[part].is_set else options.weight


def _line(snapshot: Snapshot, part: str, axis: Axis, weight: float = 0.0) -> tuple[Column, Column]:
    """What was written of a quantity while a run trained, smoothed if that is asked for, (N,) each."""
    quantity, (column,) = QUANTITIES[part], columns_of(part)
    if quantity.source == "steps":
        x, y = step_positions(snapshot, axis), snapshot.steps[column]
    else:
        x, y = axis.positions(snapshot, snapshot.devices), snapshot.devices[column] / quantity.per_unit
    return x, kept(snapshot, (part, weight), lambda: _smoothing(snapshot.run, part, weight).of(y)) if weight else y


def _smoothing(run: Run, part: str, weight: float) -> Smoothing:
    """What smooths this part of a run, and goes on where it was when the run grew."""
    key = (run, part, weight)
    if key not in _SMOOTHINGS and len(_SMOOTHINGS) >= MOST_SMOOTHINGS:
        del _SMOOTHINGS[next(iter(_SMOOTHINGS))]  # the oldest
    return _SMOOTHINGS.setdefault(key, Smoothing(weight))


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
    own = snapshot.epochs["step"][measured] > snapshot.best_since
    if not own.any():
        return Curve(label, x, y, color, "marked", short=short)
    best = int(np.where(own, y, np.inf).argmin())
    epoch = f"epoch {snapshot.epochs['epoch'][measured][best]:.0f}"
    return Curve(label, x, y, color, "marked", short=short, best=best, best_at=epoch)


def _marks(snapshot: Snapshot, part: str, axis: Axis, name: str = "") -> tuple[tuple[float, str], ...]:
    """What is marked along a curve of what was trained; `name` is that of the run among others."""
    changes = _changes(snapshot, axis, name) if part in ("loss", "learning_rate") else ()
    return changes + (_branch(snapshot, axis, name) if QUANTITIES[part].source == "steps" else ())


def _changes(snapshot: Snapshot, axis: Axis, name: str = "") -> tuple[tuple[float, str], ...]:
    """Where the learning rate was changed while the run trained, and to what."""
    if not snapshot.rates:
        return ()
    x = axis.positions(snapshot, {name: snapshot.rates[name] for name in ("step", "time")})
    changes = zip(x.tolist(), snapshot.rates["learning_rate"].tolist(), strict=True)
    return tuple((place, printable(f"rate {rate:g} {name}".rstrip())[:LONGEST_MARK]) for place, rate in changes)


def _branch(snapshot: Snapshot, axis: Axis, name: str = "") -> tuple[tuple[float, str], ...]:
    """Where a fork began, and of which run, or which of several it is; nothing of a run that is none."""
    config = snapshot.summary.config
    if config is None or config.forked_from is None:
        return ()
    at = {"step": np.array([float(config.forked_from.step)]), "time": np.array([config.forked_from.time])}
    text = f"fork {name}" if name else f"fork of {config.forked_from.run}"
    return ((float(axis.positions(snapshot, at)[0]), printable(text)[:LONGEST_MARK]),)
