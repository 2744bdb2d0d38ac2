"""The x axis of the curves of runs: epochs, steps, the time that was trained, or the time of day."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

import numpy as np

from core.arrays import Column
from tui import formatting
from tui.drawing.plots.axes import CALENDAR, Range, XUnit
from tui.drawing.plots.curves import nearest
from tui.messages import Snapshot

# Epochs, steps, the time that was trained, the time of day (without pauses).
XKind = Literal["epoch", "step", "trained", "clock"]
X_KINDS: tuple[XKind, ...] = get_args(XKind)
X_UNITS: dict[XKind, XUnit] = {"epoch": "number", "step": "number", "trained": "duration", "clock": "clock"}

_KEPT: WeakKeyDictionary[Snapshot, dict[Any, Any]] = WeakKeyDictionary()


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


def moved(snapshots: Sequence[Snapshot], before: Axis, after: Axis, x: float) -> float | None:
    """Where a moment of training stands on another axis, None before there are any; of several runs in the longest."""
    trained = [snapshot for snapshot in snapshots if len(snapshot.steps["step"])]
    if not trained:
        return None
    longest = max(trained, key=lambda snapshot: float(step_positions(snapshot, before)[-1]))
    return float(np.interp(x, step_positions(longest, before), step_positions(longest, after)))


def _steps_per_epoch(snapshot: Snapshot) -> int:
    status = snapshot.summary.status
    return status.steps_per_epoch if status else 0


def _created(snapshot: Snapshot) -> float:
    """When the run was made, in seconds since 1970; 0 where nobody knows."""
    config = snapshot.summary.config
    fork = config.forked_from if config else None
    try:
        made = datetime.fromisoformat(config.created).timestamp() if config else 0.0
        return max(made - (fork.time if fork else 0.0), 0.0)  # a fork was made when it had trained so long
    except (ValueError, OverflowError):
        return 0.0


def step_positions(snapshot: Snapshot, axis: Axis) -> Column:
    """The step lines of a run as positions on the axis."""
    return kept(snapshot, axis.kind, lambda: axis.positions(snapshot, snapshot.steps))


def kept(snapshot: Snapshot, key: object, make: Callable[[], Column]) -> Column:
    """What was made of the columns of this snapshot before, or is made now: they never change."""
    kept = _KEPT.setdefault(snapshot, {})
    if key not in kept:
        kept[key] = make()
    return np.asarray(kept[key])


def kept_drawn(snapshot: Snapshot, *key: object) -> dict[Any, Any]:
    """Where what is drawn of a curve of this snapshot is kept, as its points never change."""
    drawn: dict[Any, Any] = _KEPT.setdefault(snapshot, {}).setdefault(("drawn", *key), {})
    return drawn


def position(snapshots: Sequence[Snapshot], axis: Axis, cursor: float) -> str:
    """Where the cursor is: in one run epoch, step, time trained, time of day, and nothing where it has not been.

    Of several runs what they have in common.
    """
    if len(snapshots) != 1:
        return _common_position(snapshots, axis, cursor)
    (snapshot,) = snapshots
    x = step_positions(snapshot, axis)
    index = nearest(x, cursor)
    if index is None:
        return ""
    step, seconds = float(snapshot.steps["step"][index]), float(snapshot.steps["time"][index])
    words = [f"step {step:,.0f}", formatting.duration(seconds)]
    if per_epoch := _steps_per_epoch(snapshot):
        words.insert(0, f"epoch {step / per_epoch:.2f}")
    if created := _created(snapshot):
        words.append(datetime.fromtimestamp(created + seconds).strftime("%H:%M:%S"))
    return ", ".join(words)


def _common_position(snapshots: Sequence[Snapshot], axis: Axis, cursor: float) -> str:
    if axis.kind == "clock":
        known = CALENDAR[0] < cursor < CALENDAR[1]
        return datetime.fromtimestamp(cursor).strftime("%H:%M:%S") if known else ""
    if axis.kind == "trained":
        return f"{formatting.duration(cursor)} trained"
    lengths = set(map(_steps_per_epoch, snapshots))
    per_epoch = lengths.pop() if len(lengths) == 1 else 0
    step = cursor if axis.kind == "step" else cursor * per_epoch
    words = [f"epoch {step / per_epoch if per_epoch else cursor:.2f}"] if per_epoch or axis.kind == "epoch" else []
    return ", ".join(words + ([f"step {step:,.0f}"] if per_epoch or axis.kind == "step" else []))
