"""The view of a plane: which part of it is shown, and in which cells its points lie."""

from dataclasses import dataclass, replace
from math import floor

import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats
from tui.drawing.plots.axes import LOWEST, NARROWEST, Range, Ticks, left_of_canvas, ticks_within

LARGEST = np.float64(1e100)  # that is drawn; no single precision holds it
GUTTER = 4  # cells for labels of the y axis, so that the canvas keeps its place while the view moves


@dataclass(frozen=True)
class View:
    """The part of the plane that is shown: the values at the edges of the canvas."""

    x: Range
    y: Range

    @property
    def center(self) -> tuple[float, float]:
        return sum(self.x) / 2, sum(self.y) / 2

    def holds(self, points: Floats) -> NDArray[np.bool_]:
        """Which of the points (N, 2) it shows, bool (N,)."""
        (left, right), (bottom, top) = self.x, self.y
        x, y = points.T
        inside: NDArray[np.bool_] = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
        return inside & finite(points)

    def shifted(self, x: float, y: float) -> "View":
        return View((self.x[0] + x, self.x[1] + x), (self.y[0] + y, self.y[1] + y))

    def zoomed(self, factor: float, x: float, y: float) -> "View":
        """The view magnified by `factor`, with (x, y) in its place."""
        (left, right), (bottom, top) = self.x, self.y
        return View(
            (x - (x - left) / factor, x + (right - x) / factor),
            (y - (y - bottom) / factor, y + (top - y) / factor),
        )

    def with_ranges(self, x: Range, y: Range) -> "View":
        """The view that shows these ranges besides."""
        return View(
            (min(self.x[0], x[0]), max(self.x[1], x[1])),
            (min(self.y[0], y[0]), max(self.y[1], y[1])),
        )

    def kept_near(self, home: "View") -> "View":
        """This view, moved back until `home` is at most a screen away."""
        shifts = []
        for (low, high), (start, end) in ((self.x, home.x), (self.y, home.y)):
            middle, reach = (low + high) / 2, max(high - low, end - start)
            shifts.append(min(max(middle, start - reach), end + reach) - middle)
        return self.shifted(*shifts) if any(shifts) else self


@dataclass(frozen=True)
class Canvas:
    """Where the points lie in the widget; without a frame there are no ticks."""

    view: View
    left: int
    top: int
    columns: int
    rows: int
    framed: bool
    y_ticks: Ticks

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a cell, in values."""
        (left, right), (bottom, top) = self.view.x, self.view.y
        return (right - left) / self.columns, (top - bottom) / self.rows

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """Column and row of a point; outside the canvas for a point outside the view."""
        wide, high = self.cell_size
        return floor((x - self.view.x[0]) / wide), floor((self.view.y[1] - y) / high)

    def center_of(self, column: int, row: int) -> tuple[float, float]:
        """The point in the middle of a cell."""
        wide, high = self.cell_size
        return self.view.x[0] + (column + 0.5) * wide, self.view.y[1] - (row + 0.5) * high

    def clamp(self, column: int, row: int) -> tuple[int, int]:
        """The nearest cell of the canvas."""
        return min(max(column, 0), self.columns - 1), min(max(row, 0), self.rows - 1)

    def panned(self, columns: int, rows: int) -> View:
        """The view that many cells to the right and below."""
        wide, high = self.cell_size
        return self.view.shifted(columns * wide, -rows * high)


def home_view(points: Floats) -> View:
    """The view of all points (N, 2) with a margin, but for outliers: at most 1 in 1,000 at each side."""
    points = points[finite(points)]
    if not len(points):
        return View((-1.0, 1.0), (-1.0, 1.0))
    return View(_limits(points[:, 0]), _limits(points[:, 1]))


def _limits(values: Floats) -> Range:
    low, high = map(float, np.quantile(values, (0.001, 0.999), method="nearest"))
    reach = (high - low) / 4
    low, high = max(low - reach, float(values.min())), min(high + reach, float(values.max()))
    largest = max(abs(low), abs(high))
    margin = 0.04 * (high - low)
    if high - low <= max(1e-9 * largest, 1e-100):
        margin = 0.1 * largest if largest > 1e-90 else 1.0
    return low - margin, high + margin


def finite(points: Floats) -> NDArray[np.bool_]:
    """Which of the points (N, 2) can be drawn, bool (N,)."""
    drawable: NDArray[np.bool_] = np.all(np.abs(points) < LARGEST, axis=1)
    return drawable


def lay_out(width: int, height: int, view: View) -> Canvas:
    """The canvas in a widget of at least one cell: below the title, and framed where there is room."""
    top = int(height > 1)
    framed = width >= NARROWEST and height >= LOWEST
    canvas = Canvas(view, 0, top, max(1, width), max(1, height - top - 2 * framed), framed, {})
    if not framed:
        return canvas
    half = canvas.cell_size[1] / 2
    ticks = ticks_within(view.y[0] + half, view.y[1] - half, max(2, (canvas.rows + 1) // 4))
    longest = max(map(len, ticks.values()), default=0)
    labels = {value: label.rjust(max(GUTTER, longest)) for value, label in ticks.items()}
    left = left_of_canvas(labels)
    return replace(canvas, left=left, columns=width - left, y_ticks=labels)


def nearest(points: Floats, visible: NDArray[np.bool_], x: float, y: float, scale: tuple[float, float]) -> int | None:
    """Index of the visible point (N, 2) nearest to (x, y), where a unit of x and y is `scale` long on the screen."""
    candidates = np.flatnonzero(visible & finite(points))
    if not len(candidates):
        return None
    away = np.hypot(*((points[candidates] - (x, y)) * scale).T)
    return int(candidates[away.argmin()])
