"""What stands out on the curves of a plot: marks, the best value, and how far they go beyond what is seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style

from core.arrays import Floats
from tui.drawing.plots.axes import FRAME
from tui.drawing.plots.cells import Cells
from tui.drawing.plots.curves import Curve, Marker
from tui.drawing.plots.legend import star_of
from tui.drawing.plots.raster import Canvas, Points, cell_of
from tui.terminal.capabilities import ColorDepth

BETWEEN_MARKS = 10  # cells
FAR_APART = 3  # cells between points of which each has a mark
BAND = 0.28  # of a curve's colour in its band


def mark_of(marker: Marker, depth: ColorDepth) -> str:
    """The sign of a point."""
    return marker.ascii if depth is ColorDepth.ASCII else marker.legend.strip("⠤")


def is_sparse(canvas: Canvas, x: Floats) -> bool:
    """Whether points (N,) are so far apart that a line between them says what nobody measured."""
    return len(x) > 1 and canvas.column(float(x[-1])) - canvas.column(float(x[0])) >= FAR_APART * (len(x) - 1)


def put_marks(cells: Cells, canvas: Canvas, x: Floats, y: Floats, mark: str, style: Style) -> None:
    """Marks on a curve: on each point, or as far apart as they must be to leave it to be seen; the last has one."""
    # Counted from the first: where one more point comes, those before stay.
    between = 1 if is_sparse(canvas, x) else BETWEEN_MARKS
    before, last = -between, len(x) - 1
    for index, (value, height) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        column = canvas.column(value)
        if (column - before >= between or index == last) and canvas.y[0] <= height <= canvas.y[1]:
            cells.put(column, cell_of(height, canvas.y[1], canvas.y[0], canvas.rows), mark, style)
            before = column


def put_best(cells: Cells, canvas: Canvas, curve: Curve, style: Style, depth: ColorDepth) -> None:
    """A star at the best value of a curve, and beside it where it is."""
    if curve.best is None:
        return
    x, y = float(curve.x[curve.best]), float(curve.y[curve.best])
    if not (canvas.x[0] <= x <= canvas.x[1]) or (canvas.log_scale and y <= 0):
        return
    column, row = canvas.column(x), canvas.row(y)
    cells.put(column, row, star_of(depth), style + Style(bold=True))
    label = curve.best_at.removeprefix("epoch ")
    for start in (column + 1, column - len(label)):
        for line in (row, row + 1, row - 1):
            if cells.is_blank(start, line, len(label)):
                cells.put(start, line, label, style)
                return


def put_changes(cells: Cells, canvas: Canvas, changes: Sequence[tuple[float, str]], depth: ColorDepth) -> None:
    """A line down where something was changed, the values of x, and to what, where there is room for that."""
    seen = [(canvas.column(x), text) for x, text in changes if canvas.x[0] <= x <= canvas.x[1]]
    for column, text in seen:
        spots = ((start, row) for row in range(canvas.rows) for start in (column + 1, column - len(text)))
        spot = next((spot for spot in spots if cells.is_blank(*spot, len(text))), None)
        if spot is not None:
            cells.put(*spot, text, FRAME)
    for column, _ in seen:
        for row in range(canvas.rows):
            if cells.is_blank(column, row):
                cells.put(column, row, ":" if depth is ColorDepth.ASCII else "┊", FRAME)


def say_what_is_cut(cells: Cells, points: Sequence[Points], canvas: Canvas, depth: ColorDepth) -> None:
    """How far the curves go beyond what is seen, where they leave it."""
    up, down = "^v" if depth is ColorDepth.ASCII else "↑↓"
    together = [(x, y) for x, y in points if len(y)]
    highest = max(together, key=lambda point: float(point[1].max()))
    lowest = min(together, key=lambda point: float(point[1].min()))
    beyond = [
        (highest, int(highest[1].argmax()), up, 0, float(highest[1].max()) > canvas.y[1]),
        (lowest, int(lowest[1].argmin()), down, canvas.rows - 1, float(lowest[1].min()) < canvas.y[0]),
    ]
    for (x, y), index, arrow, row, is_cut in beyond:
        if not is_cut:
            continue
        value = 10 ** y[index] if canvas.log_scale else y[index]
        text = f"{arrow} {value:.4g}"
        column = canvas.column(float(x[index]))
        free = (start for start in range(column + 1, canvas.columns) if cells.is_blank(start, row, len(text)))
        if (start := next(free, None)) is not None:
            cells.put(start, row, text, FRAME)


def put_band(cells: Cells, canvas: Canvas, curve: Curve, style: Style, depth: ColorDepth, base: Style) -> None:
    """Shade the cells between the lower and the upper end of a curve's band, with enough colours behind curves too."""
    if curve.band is None or not len(curve.x):
        return
    low, high = (np.log10(np.maximum(end, 1e-300)) if canvas.log_scale else end for end in curve.band)
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return
    x, low, high = curve.x[known], low[known], high[known]
    shade = ":" if depth is ColorDepth.ASCII else "░"
    behind = Style(bgcolor=_mixed(curve, base)) if depth.has_shades else Style()
    for column in range(canvas.columns):
        value = canvas.x_at(column)
        if x[0] <= value <= x[-1]:
            top, bottom = (float(np.interp(value, x, end)) for end in (high, low))
            first, last = (cell_of(y, canvas.y[1], canvas.y[0], canvas.rows) for y in (top, bottom))
            for row in range(max(first, 0), min(last, canvas.rows - 1) + 1):
                if cells.is_blank(column, row) and not depth.has_shades:
                    cells.put(column, row, shade, style + Style(dim=True))
                else:
                    cells.shade(column, row, behind)


def _mixed(curve: Curve, base: Style) -> Color:
    """The colour of a curve, mixed with what the plot stands on."""
    paper = base.bgcolor.get_truecolor() if base.bgcolor is not None else ColorTriplet(0, 0, 0)
    ink = curve.rich_color.get_truecolor()
    mixed = (round(BAND * one + (1 - BAND) * other) for one, other in zip(ink, paper, strict=True))
    return Color.from_triplet(ColorTriplet(*mixed))
