"""Which part of the y axis a plot shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from core.arrays import Floats
from tui.drawing.plots.axes import Range

# Without what stands far out, such as the first steps of a training; all of it; from zero; all, logarithmic.
Scale = Literal["robust", "all", "zero", "log"]
SCALES: tuple[Scale, ...] = get_args(Scale)
SCALE_NAMES: dict[Scale, str] = {"robust": "", "all": "all", "zero": "from zero", "log": "log"}
SHORT_NAMES = SCALE_NAMES | {"zero": "from 0"}
LEFT_OUT = 0.05  # of the points of a curve at either end, where they lie far out
FEWEST = 5  # points of which one may be left out


def y_extent(curves: Sequence[Floats], scale: Scale) -> Range | None:
    """The lowest and the highest value that are to be seen of curves (N,), finite; None without any value."""
    curves = [y for y in curves if len(y)]
    if not curves:
        return None
    ranges = [_without_outliers(y) if scale in ("robust", "zero") else (y.min(), y.max()) for y in curves]
    low, high = min(float(low) for low, _ in ranges), max(float(high) for _, high in ranges)
    return (min(low, 0.0), max(high, 0.0)) if scale == "zero" else (low, high)


def _without_outliers(y: Floats) -> Range:
    """From the lowest value to the highest, unless a few of them would take more than half as much room again."""
    ordered = np.sort(y)
    cut = math.ceil(LEFT_OUT * len(y)) if len(y) >= FEWEST else 0
    low, high = float(ordered[cut]), float(ordered[-1 - cut])
    room = (high - low) / 2
    lowest, highest = float(ordered[0]), float(ordered[-1])
    return lowest if lowest >= low - room else low, highest if highest <= high + room else high
