"""Curves: what is drawn of a series, how it looks, and fewer points that look the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from rich.color import Color

from core.arrays import Floats
from tui.drawing.plots.axes import LARGEST, Range
from tui.run_looks import ASCII_SIGNS, SIGNS

BEYOND = 0.02  # of a curve, where its last value still counts as that at the cursor


class Marker(NamedTuple):
    """How a curve looks: to plotext, in the legend, in ASCII and in matplotlib."""

    plotext: str
    legend: str
    ascii: str
    matplotlib: str


# The curves of a plot differ in shape as well as in colour.
LINES = (Marker("braille", "⠤⠤", "*", "-"), Marker("hd", "▄▄", "+", "--"), Marker("·", "··", "-", ":"))
DIM_LINE = Marker("braille", "⠤⠤", ".", "-")
POINTS = tuple(
    Marker(sign, sign, ascii_sign, matplotlib)
    for sign, ascii_sign, matplotlib in zip(SIGNS, ASCII_SIGNS, "oD^svPXp", strict=True)
)


@dataclass(frozen=True, eq=False)
class Curve:
    """A named series, x (N,) ascending and y (N,); colour as (r, g, b) or anything that rich parses.

    A marked curve is a line with marks here and there; `best` is the index of the point that stands out, `best_at`
    says where that is, and `short` is a label where there is little room.
    """

    label: str
    x: Floats
    y: Floats
    color: tuple[int, int, int] | str
    style: Literal["line", "marked", "points"] = "line"
    dim: bool = False
    short: str = ""
    best: int | None = None
    best_at: str = ""
    place: int | None = None  # among lines and marks, where others keep theirs
    band: tuple[Floats, Floats] | None = None  # around the curve, (N,) each
    kept: dict[Any, tuple[Floats, Floats]] | None = None  # what was made of the points before, where they stay the same
    changes: tuple[tuple[float, str], ...] = ()  # where on x something was changed, and to what

    @property
    def rich_color(self) -> Color:
        return Color.parse(self.color) if isinstance(self.color, str) else Color.from_rgb(*self.color)

    def nearest(self, x: float) -> int | None:
        """The index of the point nearest to x that has a value; None without one, and beyond the ends of the curve."""
        index = nearest(self.x, x)
        return index if index is not None and np.isfinite(self.y[index]) else None

    def visible(self, x_range: Range | None = None, *, log_scale: bool = False) -> tuple[Floats, Floats]:
        """The points in x_range that can be drawn: finite, and above zero on a log scale."""
        x, y = np.asarray(self.x, np.float64), np.asarray(self.y, np.float64)
        if x_range:
            inside = slice(np.searchsorted(x, x_range[0], "left"), np.searchsorted(x, x_range[1], "right"))
            x, y = x[inside], y[inside]
        drawable = np.abs(y) < LARGEST
        if log_scale:
            drawable &= y > 0
        return (x, y) if drawable.all() else (x[drawable], y[drawable])


def nearest(values: Floats, x: float) -> int | None:
    """The index of the value (N,), ascending, that is nearest to x; None without any, and far beyond their ends."""
    if not len(values):
        return None
    room = BEYOND * float(values[-1] - values[0])
    if not values[0] - room <= x <= values[-1] + room:
        return None
    place = int(np.searchsorted(values, x))
    around = range(max(place - 1, 0), min(place + 1, len(values)))
    return min(around, key=lambda index: abs(float(values[index]) - x))


def markers(curves: Sequence[Curve]) -> list[Marker]:
    """The marker of each curve: no two lines and no two kinds of marks look the same, but dim lines do.

    A curve with a place has the marker of that place.
    """
    lines, points = count(), count()
    chosen = []
    for curve in curves:
        if curve.place is not None:  # the line of a run has the sign of its marks
            line, mark = LINES[curve.place % len(LINES)], POINTS[curve.place % len(POINTS)]
            chosen.append(_marked(mark)._replace(plotext=line.plotext if curve.style == "line" else "braille"))
        elif curve.style == "line":
            chosen.append(DIM_LINE if curve.dim else LINES[next(lines) % len(LINES)])
        else:
            mark = POINTS[next(points) % len(POINTS)]
            chosen.append(_marked(mark) if curve.style == "marked" else mark)
    return chosen


def _marked(mark: Marker) -> Marker:
    """A line with these marks."""
    return Marker("braille", f"⠤{mark.legend}⠤", mark.ascii, f"-{mark.matplotlib}")


def decimate(x: Floats, y: Floats, columns: int, x_range: Range | None = None) -> tuple[Floats, Floats]:
    """The smallest and largest y in each of `columns` equal parts of x or x_range, in order: at most 2 * columns.

    Values that are not finite are dropped; a short series is returned unchanged. x must ascend.
    """
    if len(y) <= 2 * columns:
        return _finite(x, y)
    low, high = x_range or (x[0], x[-1])
    edges = np.searchsorted(x, np.linspace(low, high, columns + 1)[:-1])
    places: list[int] = []
    for start, stop in pairwise(np.unique([*edges, len(y)]).tolist()):
        part = y[start:stop]
        first, second = int(part.argmin()), int(part.argmax())
        places += [start + min(first, second), start + max(first, second)]
    order = np.unique(places)
    if not np.isfinite(y[order]).all():  # the smallest or the largest of a part is, if anything in it is
        return decimate(*_finite(x, y), columns, x_range)
    return x[order], y[order]


def _finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    finite = np.isfinite(y)
    return (x, y) if finite.all() else (x[finite], y[finite])


def simplify(x: Floats, y: Floats, x_dot: float, y_dot: float) -> tuple[Floats, Floats]:
    """The points without those that stand in the dot of the one before or on the line between their neighbours.

    `x_dot` and `y_dot` are the width and the height of a dot.
    """
    if len(x) < 3 or not (x_dot > 0 and y_dot > 0):
        return x, y
    along, up = x / x_dot, y / y_dot
    moved = np.append(True, (np.diff(np.floor(along)) != 0) | (np.diff(np.floor(up)) != 0))
    moved[-1] = True
    x, y, along, up = x[moved], y[moved], along[moved], up[moved]
    if len(x) < 3:
        return x, y
    span = np.maximum(along[2:] - along[:-2], 1e-300)
    between = up[:-2] + (up[2:] - up[:-2]) * (along[1:-1] - along[:-2]) / span
    # Every other point at most: what is left must bear the line.
    straight = np.abs(between - up[1:-1]) < 0.25
    straight[1::2] = False
    kept = np.concatenate(([True], ~straight, [True]))
    return x[kept], y[kept]
