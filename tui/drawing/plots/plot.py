"""Draws curves as strips: plotext rasterises them; legend, axes, ticks and what stands out are drawn here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats
from tui.drawing.plots.axes import (
    FRAME,
    LOWEST,
    NARROWEST,
    Range,
    Ticks,
    frame,
    left_of_canvas,
    place,
    x_ticks,
    y_axis,
    y_ticks_within,
)
from tui.drawing.plots.cells import Cells
from tui.drawing.plots.curves import POINTS, Curve, Marker, decimate, markers, simplify
from tui.drawing.plots.legend import Entry, legend
from tui.drawing.plots.scales import SCALE_NAMES, Scale, y_extent
from tui.drawing.strips import draw_message
from tui.terminal.capabilities import ColorDepth

BETWEEN_MARKS = 10  # cells
EXPORTED_COLUMNS = 200
DOTS_ALONG, DOTS_UP = 2, 4  # of a cell
MARKS = {glyph for marker in POINTS for glyph in (marker.plotext, marker.ascii)}
CODE = re.compile(r"\x1b\[(?:38;5;(\d+)|0)m")
Points = tuple[Floats, Floats]


@dataclass(frozen=True)
class Canvas:
    """Where the curves of a plot are: its cells, and the values at the middle of the first and of the last one."""

    columns: int
    rows: int
    x: Range
    y: Range
    log_scale: bool = False

    def column(self, x: float) -> int:
        """The column of a value, which may lie outside."""
        return _cell(x, *self.x, self.columns)

    def row(self, y: float) -> int:
        """The row of a value, counted from the top; it may lie outside."""
        return _cell(np.log10(y) if self.log_scale else y, self.y[1], self.y[0], self.rows)


def _cell(value: float, first: float, last: float, cells: int) -> int:
    part = (value - first) / (last - first) if last != first else 0.5
    return round(min(max(part, -1.0), 2.0) * (cells - 1))


def draw_curves(
    curves: Sequence[Curve],
    width: int,
    height: int,
    *,
    title: str = "",
    short_title: str = "",
    x_label: str = "epoch",
    scale: Scale = "robust",
    x_range: Range | None = None,
    y_range: Range | None = None,
    depth: ColorDepth = ColorDepth.TRUECOLOR,
) -> list[Strip]:
    """`height` strips of `width` cells: title and legend, y ticks, the curves, x ticks.

    A log scale leaves out values of zero and below; without any value a message is shown in the middle. `y_range`, in
    values, is shown as it is; else the scale says what is seen.
    """
    if width < 1 or height < 1:
        return []
    looks = markers(curves)
    styles = [_style(curve, depth) for curve in curves]
    entries = _entries(curves, looks, styles, scale, depth)
    header = legend((title, short_title), entries, width, max(1, height // 8)) if height > 1 else []
    framed = width >= NARROWEST and height >= LOWEST
    rows = height - len(header) - (2 if framed else 0)

    log_scale = scale == "log"
    points = [_visible(curve, x_range, width, log_scale=log_scale) for curve in curves]
    extent = y_extent([y for _, y in points], scale)
    y_limits, y_ticks = (0.0, 1.0), Ticks()
    if extent and y_range:
        y_limits = _logarithms(y_range) if log_scale else y_range
        y_ticks = y_ticks_within(*y_limits, rows, log_scale=log_scale)
    elif extent:
        y_limits, y_ticks = y_axis(*extent, rows, log_scale=log_scale)
    columns = width - (left_of_canvas(y_ticks) if framed else 0)
    if not extent:
        strips = draw_message("no steps yet", columns, rows)
        return header + (frame(strips, {}, {}, x_label, depth) if framed else strips)

    drawn = [x for x, _ in points if len(x)]
    x_limits = x_range or (min(float(x[0]) for x in drawn), max(float(x[-1]) for x in drawn))
    canvas = Canvas(columns, rows, x_limits, y_limits, log_scale)
    names = [_glyph(curve, marker, depth) for curve, marker in zip(curves, looks, strict=True)]
    cells = Cells(columns, rows)
    for marked in (False, True):  # a line with marks shows its own dots only, and so goes through a cloud of others
        layer = [index for index, curve in enumerate(curves) if (curve.style == "marked") is marked]
        if any(len(points[index][0]) for index in layer):
            _rasterise(cells, {index: (points[index], names[index], styles[index]) for index in layer}, canvas)
    _say_what_is_cut(cells, points, canvas, depth)
    for curve, (x, y), marker, style in zip(curves, points, looks, styles, strict=True):
        if curve.style == "marked":
            _put_marks(cells, canvas, x, y, _mark(marker, depth), style)
    for curve, style in zip(curves, styles, strict=True):
        _put_best(cells, canvas, curve, style, depth)
    strips = cells.strips()
    if framed:
        down = place(y_ticks, y_limits[1], y_limits[0], rows)
        along = place(x_ticks(*x_limits, columns), *x_limits, columns) if x_limits[1] > x_limits[0] else {}
        strips = frame(strips, down, along, x_label, depth)
    return header + strips


def visible_extent(curves: Sequence[Curve], x_range: Range | None, scale: Scale) -> Range | None:
    """The lowest and the highest value of curves that a scale shows; on a log scale their logarithms."""
    log_scale = scale == "log"
    return y_extent([_visible(curve, x_range, EXPORTED_COLUMNS, log_scale=log_scale)[1] for curve in curves], scale)


def _visible(curve: Curve, x_range: Range | None, columns: int, *, log_scale: bool) -> Points:
    """What is drawn of a curve; y as logarithms on a log scale."""
    x, y = curve.visible(x_range, log_scale=log_scale)
    x, y = decimate(x, y, columns, x_range)
    return x, np.log10(y) if log_scale else y


def _logarithms(values: Range) -> Range:
    low = values[0] if values[0] > 0 else min(values[1], 1.0) / 1000
    return float(np.log10(low)), float(np.log10(values[1]))


def _style(curve: Curve, depth: ColorDepth) -> Style:
    return Style.from_color(curve.rich_color if depth.has_colors else None) + Style(dim=curve.dim or None)


def _glyph(curve: Curve, marker: Marker, depth: ColorDepth) -> str:
    """What plotext draws a curve with."""
    if depth is not ColorDepth.ASCII:
        return marker.plotext
    return "+" if curve.style == "marked" else marker.ascii


def _mark(marker: Marker, depth: ColorDepth) -> str:
    return marker.ascii if depth is ColorDepth.ASCII else marker.legend.strip("⠤")


# The legend


def _entries(
    curves: Sequence[Curve],
    looks: Sequence[Marker],
    styles: Sequence[Style],
    scale: Scale,
    depth: ColorDepth,
) -> list[Entry]:
    star = _star(depth)
    entries = []
    for curve, marker, style in zip(curves, looks, styles, strict=True):
        sign = marker.legend
        if depth is ColorDepth.ASCII:
            sign = {"line": 2 * marker.ascii, "marked": f"+{marker.ascii}+", "points": marker.ascii}[curve.style]
        label, short = f"{sign} {curve.label}", f"{sign} {curve.short or curve.label}"
        if curve.best is None:
            entries.append(Entry((label, short), style))
            continue
        x, y = float(curve.x[curve.best]), float(curve.y[curve.best])
        best = f"{star} best {y:.4g} at {x:.6g}"
        entries.append(Entry((f"{label}  {best}", f"{short}  {star} {y:.4g}", f"{short} {star}", short), style))
    if name := SCALE_NAMES[scale]:
        entries.append(Entry((name, name), Style(dim=True)))
    return entries


def _star(depth: ColorDepth) -> str:
    return "^" if depth is ColorDepth.ASCII else "★"


# The curves


def _rasterise(cells: Cells, drawn: Mapping[int, tuple[Points, str, Style]], canvas: Canvas) -> None:
    """Put curves over the cells, each drawn with a glyph; later ones cover earlier ones."""
    # Imported late: it takes longer than the first paint may.
    import plotext

    columns, rows = canvas.columns, canvas.rows
    terminal = type(plotext.terminal)()  # plotext's own figure is shared, and cropped to the screen
    terminal.limit(False, False)
    figure = type(plotext.figure)(terminal)
    figure.plot_size(columns, rows)
    figure.canvas("default")
    figure.axes(False)
    for axis, (low, high) in (("x", canvas.x), ("y", canvas.y)):
        margin = 0.0 if high > low else 0.5
        figure.ruler(axis).frequency(0)
        figure.ruler(axis).lim(low - margin, high + margin)
    x_dot = (canvas.x[1] - canvas.x[0]) / (DOTS_ALONG * columns)
    y_dot = (canvas.y[1] - canvas.y[0]) / (DOTS_UP * rows)
    for index, ((x, y), glyph, _) in drawn.items():
        is_line = glyph not in MARKS
        if is_line:
            x, y = simplify(x, y, x_dot, y_dot)
        # The colour encodes the index of the curve; it is replaced by the style.
        signal = figure.signal(x.tolist(), y.tolist(), marker=plotext.marker(glyph, plotext.pixel(index)))
        figure.draw(signal.lines(is_line))
    for row, line in enumerate(figure.build().string().split("\n")[:rows]):
        x_cell = 0
        first, *rest = CODE.split(line)
        for text, code in zip([first, *rest[1::2]], ["", *rest[::2]], strict=True):
            if code:
                cells.put(x_cell, row, text, drawn[int(code)][2])
            x_cell += len(text)


def _put_marks(cells: Cells, canvas: Canvas, x: Floats, y: Floats, mark: str, style: Style) -> None:
    """Marks on a curve, as far from each other as they must be to leave it to be seen; the last point has one."""
    # Counted from the first: where one more point comes, those before stay.
    before, last = -BETWEEN_MARKS, len(x) - 1
    for index, (value, height) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        column = canvas.column(value)
        if (column - before >= BETWEEN_MARKS or index == last) and canvas.y[0] <= height <= canvas.y[1]:
            cells.put(column, _cell(height, canvas.y[1], canvas.y[0], canvas.rows), mark, style)
            before = column


def _put_best(cells: Cells, canvas: Canvas, curve: Curve, style: Style, depth: ColorDepth) -> None:
    if curve.best is None:
        return
    x, y = float(curve.x[curve.best]), float(curve.y[curve.best])
    if not (canvas.x[0] <= x <= canvas.x[1]) or (canvas.log_scale and y <= 0):
        return
    column, row = canvas.column(x), canvas.row(y)
    cells.put(column, row, _star(depth), style + Style(bold=True))
    label = f"{x:.6g}"
    for start in (column + 1, column - len(label)):
        for line in (row, row + 1, row - 1):
            if cells.is_blank(start, line, len(label)):
                cells.put(start, line, label, style)
                return


def _say_what_is_cut(cells: Cells, points: Sequence[Points], canvas: Canvas, depth: ColorDepth) -> None:
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
