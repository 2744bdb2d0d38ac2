"""Draws curves as strips: the curves, and around and on them legend, axes, ticks and what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats
from tui.drawing.plots.axes import (
    FRAME,
    LARGEST,
    LOWEST,
    NARROWEST,
    Range,
    Ticks,
    XUnit,
    frame,
    left_of_canvas,
    place,
    x_ticks,
    y_axis,
    y_ticks_within,
)
from tui.drawing.plots.cells import Cells
from tui.drawing.plots.curves import LINES, POINTS, Curve, Marker, decimate, markers, simplify
from tui.drawing.plots.legend import FOCUSED, PLAIN, TITLE, legend, legend_entries, reading_entries
from tui.drawing.plots.marks import is_sparse, mark_of, put_band, put_best, put_changes, put_marks, say_what_is_cut
from tui.drawing.plots.raster import DOTS_ALONG, DOTS_UP, Canvas, Points, put_lines, put_spans
from tui.drawing.plots.scales import Scale, y_extent
from tui.drawing.strips import draw_message
from tui.terminal.capabilities import ColorDepth

EXPORTED_COLUMNS = 200
KEPT_FROM, MOST_KEPT = 10_000, 16  # points that take a while, and ranges of them
MARKS = {glyph for marker in POINTS for glyph in (marker.plotext, marker.ascii)}


class Drawing(NamedTuple):
    """The strips of a plot, and where its canvas is in it, if it has one: so many cells from the left and the top."""

    strips: list[Strip]
    canvas: Canvas | None = None
    left: int = 0
    top: int = 0


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
    x_unit: XUnit = "number",
    cursor: float | None = None,
    is_focused: bool = False,
    depth: ColorDepth = ColorDepth.TRUECOLOR,
    base: Style = PLAIN,
    message: str = "no steps yet",
) -> Drawing:
    """`height` strips of `width` cells: title and legend, y ticks, the curves, x ticks.

    A log scale leaves out values of zero and below; without any value the message is shown in the middle. `y_range`, in
    values, is shown as it is, where it can be drawn; else the scale says what is seen. The legend has the values at the
    cursor, a value of x. `base` is what the plot stands on, which bands are mixed with.
    """
    if width < 1 or height < 1:
        return Drawing([])
    looks = markers(curves)
    styles = [_style(curve, depth) for curve in curves]
    entries = legend_entries(curves, looks, styles, scale, depth)
    look = FOCUSED if is_focused else TITLE
    titles = [f"> {words}" if is_focused and depth is ColorDepth.ASCII else words for words in (title, short_title)]
    header = legend(titles, entries, width, max(1, height // 8), look) if height > 1 else []
    if cursor is not None and header:  # no line more or less: the curves stay where they are
        entries = reading_entries(curves, looks, styles, cursor, scale, depth)
        said = legend(titles, entries, width, len(header), look)
        header = said + [Strip.blank(width, PLAIN)] * (len(header) - len(said))
    framed = width >= NARROWEST and height >= LOWEST
    rows = height - len(header) - (2 if framed else 0)

    log_scale = scale == "log"
    points = [_visible(curve, x_range, width, log_scale=log_scale) for curve in curves]
    extent = y_extent([y for _, y in points], scale)
    if log_scale and y_range and y_range[1] <= 0:
        extent = None
    y_limits, y_ticks = (0.0, 1.0), Ticks()
    if extent and y_range:
        y_limits = _logarithms(y_range) if log_scale else y_range
        y_ticks = y_ticks_within(*y_limits, rows, log_scale=log_scale)
    elif extent:
        y_limits, y_ticks = y_axis(*extent, rows, log_scale=log_scale)
    columns = width - (left_of_canvas(y_ticks) if framed else 0)
    if not extent:
        strips = draw_message(message, columns, rows)
        return Drawing(header + (frame(strips, {}, {}, x_label, depth) if framed else strips))

    drawn = [x for x, _ in points if len(x)]
    x_limits = x_range or (min(float(x[0]) for x in drawn), max(float(x[-1]) for x in drawn))
    canvas = Canvas(columns, rows, x_limits, y_limits, log_scale)
    names = [_glyph(curve, marker, depth) for curve, marker in zip(curves, looks, strict=True)]
    cells = Cells(columns, rows)
    for marked in (False, True):  # a line with marks shows its own dots only, and so goes through a cloud of others
        layer = [index for index, curve in enumerate(curves) if (curve.style == "marked") is marked]
        if any(len(points[index][0]) for index in layer):
            lines = [
                style + Style(dim=is_sparse(canvas, x) or None) for (x, _), style in zip(points, styles, strict=True)
            ]
            looks_of = lines if marked else styles  # faint where it goes between measurements that are far apart
            _rasterise(cells, {index: (points[index], names[index], looks_of[index]) for index in layer}, canvas)
    say_what_is_cut(cells, points, canvas, depth)
    for curve, (x, y), marker, style in zip(curves, points, looks, styles, strict=True):
        if curve.style == "marked":
            put_marks(cells, canvas, x, y, mark_of(marker, depth), style)
    for curve, style in zip(curves, styles, strict=True):
        put_best(cells, canvas, curve, style, depth)
    put_changes(cells, canvas, [change for curve in curves for change in curve.changes], depth)
    if cursor is not None and canvas.x[0] <= cursor <= canvas.x[1]:
        for row in range(rows):
            if cells.is_blank(canvas.column(cursor), row):
                cells.put(canvas.column(cursor), row, "|" if depth is ColorDepth.ASCII else "│", FRAME)
    for curve, style in zip(curves, styles, strict=True):
        put_band(cells, canvas, curve, style, depth, base)
    strips = cells.strips()
    if framed:
        down = place(y_ticks, y_limits[1], y_limits[0], rows)
        along = place(x_ticks(*x_limits, columns, x_unit), *x_limits, columns) if x_limits[1] > x_limits[0] else {}
        strips = frame(strips, down, along, x_label, depth)
    return Drawing(header + strips, canvas, width - columns, len(header))


def visible_extent(curves: Sequence[Curve], x_range: Range | None, scale: Scale) -> Range | None:
    """The lowest and the highest value of curves that a scale shows; on a log scale their logarithms."""
    log_scale = scale == "log"
    return y_extent([_visible(curve, x_range, EXPORTED_COLUMNS, log_scale=log_scale)[1] for curve in curves], scale)


def _visible(curve: Curve, x_range: Range | None, columns: int, *, log_scale: bool) -> Points:
    """What is drawn of a curve, at most 4 points a column; y as logarithms on a log scale."""
    if curve.kept is None or len(curve.x) < KEPT_FROM:
        return _decimated(curve, x_range, columns, log_scale=log_scale)
    key = (x_range, columns, log_scale)
    if key not in curve.kept:
        if len(curve.kept) >= MOST_KEPT:
            curve.kept.clear()
        curve.kept[key] = _decimated(curve, x_range, columns, log_scale=log_scale)
    return curve.kept[key]


def _decimated(curve: Curve, x_range: Range | None, columns: int, *, log_scale: bool) -> Points:
    x, y = curve.x, curve.y
    if x_range:
        x, y = _within(x, y, x_range)
    x, y = decimate(x, y, DOTS_ALONG * columns, x_range)
    drawable = np.abs(y) < LARGEST
    if log_scale:
        drawable &= y > 0
    if not drawable.all():  # seldom: what cannot be drawn must not stand for its neighbours
        x, y = curve.visible(x_range, log_scale=log_scale)
        x, y = decimate(x, y, DOTS_ALONG * columns, x_range)
    return x, np.log10(y) if log_scale else y


def _within(x: Floats, y: Floats, x_range: Range) -> Points:
    inside = slice(np.searchsorted(x, x_range[0], "left"), np.searchsorted(x, x_range[1], "right"))
    return x[inside], y[inside]


def _logarithms(values: Range) -> Range:
    low = values[0] if values[0] > 0 else min(values[1], 1.0) / 1000
    return float(np.log10(low)), float(np.log10(values[1]))


def _style(curve: Curve, depth: ColorDepth) -> Style:
    return Style.from_color(curve.rich_color if depth.has_colors else None) + Style(dim=curve.dim or None)


def _glyph(curve: Curve, marker: Marker, depth: ColorDepth) -> str:
    """What plotext draws a curve with; with colours the lines of runs need no shapes of their own."""
    if depth is ColorDepth.ASCII:
        if curve.place is not None and curve.style == "line":
            return LINES[curve.place % len(LINES)].ascii
        if curve.style == "marked":
            return "+" if curve.place is None else "."  # beside the lines of runs, of which one is of plus signs
        return marker.ascii
    return "braille" if curve.place is not None and depth.has_colors else marker.plotext


# The curves


def _rasterise(cells: Cells, drawn: Mapping[int, tuple[Points, str, Style]], canvas: Canvas) -> None:
    """Put curves by their number over the cells; later ones cover earlier ones."""
    few: dict[int, tuple[Points, str, Style]] = {}
    x_dot = (canvas.x[1] - canvas.x[0]) / (DOTS_ALONG * canvas.columns)
    y_dot = (canvas.y[1] - canvas.y[0]) / (DOTS_UP * canvas.rows)
    for index, ((x, y), glyph, style) in drawn.items():
        if len(x) > canvas.columns and glyph not in MARKS:
            put_spans(cells, (x, y), glyph, style, canvas)
        elif glyph in MARKS:
            few[index] = (x, y), glyph, style
        else:
            few[index] = simplify(x, y, x_dot, y_dot), glyph, style
    for joined in (True, False):
        layer = {index: each for index, each in few.items() if (each[1] not in MARKS) is joined}
        if layer:
            put_lines(cells, layer, canvas, joined=joined)
