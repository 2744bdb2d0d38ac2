"""Curves as strips: plotext draws the curves, the frame around them is drawn here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats
from tui.drawing.axes import Range, Ticks, frame, left_of_canvas, linear_ticks, log_ticks, place, ticks_within
from tui.drawing.strips import message_strips

# A marker for plotext and its sign in the legend: the curves of a plot differ in shape as well as in colour.
LINES = (("braille", "⠤⠤"), ("hd", "▄▄"), ("·", "··"))
POINTS = (("●", "●"), ("◆", "◆"), ("▲", "▲"), ("■", "■"))
ASCII_LINES = (("*", "**"), ("+", "++"), ("-", "--"))
ASCII_POINTS = (("o", "o"), ("x", "x"), ("#", "#"), ("@", "@"))
ASCII_DIM = (".", "..")
PLAIN, TITLE = Style(), Style(bold=True)
NARROWEST, LOWEST = 20, 5  # a smaller plot has no room for axes
CODE = re.compile(r"\x1b\[(?:38;5;(\d+)|0)m")


@dataclass(frozen=True)
class Curve:
    """A named series, x (N,) ascending and y (N,); colour as (r, g, b) or anything that rich parses."""

    label: str
    x: Floats
    y: Floats
    color: tuple[int, int, int] | str
    style: Literal["line", "points"] = "line"
    dim: bool = False


def decimate(x: Floats, y: Floats, columns: int, x_range: Range | None = None) -> tuple[Floats, Floats]:
    """Smallest and largest y of each of `columns` equal parts of x or x_range, in order; at most 2 * columns.

    Non-finite y are dropped; a series that is short already comes back as it is. x must ascend in x_range.
    """
    finite = np.isfinite(y)
    if not finite.all():
        x, y = x[finite], y[finite]
    if len(y) <= 2 * columns:
        return x, y
    low, high = x_range or (x[0], x[-1])
    edges = np.searchsorted(x, np.linspace(low, high, columns + 1)[:-1])
    places = set[int]()
    for start, stop in pairwise(np.unique([*edges, len(y)]).tolist()):
        part = y[start:stop]
        places.update((start + int(part.argmin()), start + int(part.argmax())))
    order = np.array(sorted(places))
    return x[order], y[order]


def moving_average(y: Floats, window: int) -> Floats:
    """Mean of the finite among the last `window` values, (N,), NaN without any. ValueError if window < 1."""
    if window < 1:
        raise ValueError(f"window is {window}, must be at least 1")
    finite = np.isfinite(y)
    sums = np.concatenate(([0.0], np.cumsum(np.where(finite, y, 0.0))))
    counts = np.concatenate(([0], np.cumsum(finite)))
    stop = np.arange(1, len(y) + 1)
    start = np.maximum(stop - window, 0)
    count = counts[stop] - counts[start]
    return np.where(count > 0, (sums[stop] - sums[start]) / np.maximum(count, 1), np.nan)


def draw(
    curves: Sequence[Curve],
    width: int,
    height: int,
    *,
    title: str = "",
    x_label: str = "epoch",
    log_scale: bool = False,
    x_range: Range | None = None,
    ascii: bool = False,  # noqa: A002
    color: bool = True,
    empty: str = "no steps yet",
) -> list[Strip]:
    """`height` strips of `width` cells: title and legend, y ticks, the curves, x ticks.

    A log scale leaves out values of zero and below; without any value `empty` stands in the middle.
    """
    if width < 1 or height < 1:
        return []
    series = [_visible(curve, x_range, log_scale) for curve in curves]
    markers = _markers(curves, ascii)
    styles = [_style(curve, color) for curve in curves]
    header = [_header(title, curves, [sign for _, sign in markers], styles, width)] if height > 1 else []
    framed = width >= NARROWEST and height >= LOWEST
    rows = height - len(header) - (2 if framed else 0)

    drawn = [(x, y) for x, y in series if len(y)]
    y_limits, y_ticks = (0.0, 1.0), Ticks()
    if drawn:
        low, high = min(float(y.min()) for _, y in drawn), max(float(y.max()) for _, y in drawn)
        y_limits, y_ticks = (log_ticks if log_scale else linear_ticks)(low, high, max(2, (rows + 1) // 4))
    columns = width - (left_of_canvas(y_ticks) if framed else 0)
    x_ticks = Ticks()
    if drawn:
        x_limits = x_range or (min(float(x[0]) for x, _ in drawn), max(float(x[-1]) for x, _ in drawn))
        x_ticks = ticks_within(*x_limits, max(1, columns // 12))
        names = [marker for marker, _ in markers]
        canvas = _canvas(curves, series, names, styles, (columns, rows), x_limits, y_limits)
    else:
        canvas = message_strips(empty, columns, rows)
    if framed:
        down = place(y_ticks, y_limits[1], y_limits[0], rows)
        along = place(x_ticks, *x_limits, columns) if x_ticks else {}
        canvas = frame(canvas, down, along, x_label, ascii_only=ascii)
    return header + canvas


def _visible(curve: Curve, x_range: Range | None, log_scale: bool) -> tuple[Floats, Floats]:
    x, y = np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64)
    if x_range:
        inside = slice(np.searchsorted(x, x_range[0], "left"), np.searchsorted(x, x_range[1], "right"))
        x, y = x[inside], y[inside]
    if log_scale:
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log10(y)
    finite = np.abs(y) < 1e300
    return (x, y) if finite.all() else (x[finite], y[finite])


def _markers(curves: Sequence[Curve], ascii: bool) -> list[tuple[str, str]]:  # noqa: A002
    lines, points = (ASCII_LINES, ASCII_POINTS) if ascii else (LINES, POINTS)
    chosen: list[tuple[str, str]] = []
    solid = [curve for curve in curves if curve.style == "line" and not curve.dim]
    dotted = [curve for curve in curves if curve.style == "points"]
    for curve in curves:
        if curve.style == "points":
            chosen.append(points[dotted.index(curve) % len(points)])
        elif curve.dim:
            chosen.append(ASCII_DIM if ascii else lines[0])
        else:
            chosen.append(lines[solid.index(curve) % len(lines)])
    return chosen


def _style(curve: Curve, color: bool) -> Style:
    if not color:
        return Style(dim=curve.dim or None)
    chosen = Color.parse(curve.color) if isinstance(curve.color, str) else Color.from_rgb(*curve.color)
    return Style.from_color(chosen) + Style(dim=curve.dim or None)


def _header(title: str, curves: Sequence[Curve], signs: Sequence[str], styles: Sequence[Style], width: int) -> Strip:
    """The title and those entries of the legend that fit whole."""
    segments = [Segment(title, TITLE)] if title else []
    for curve, sign, style in zip(curves, signs, styles, strict=True):
        entry = f"{sign} {curve.label}"
        if sum(segment.cell_length for segment in segments) + 2 + len(entry) > width:
            break
        segments += [Segment("  ", PLAIN), Segment(entry, style)] if segments else [Segment(entry, style)]
    return Strip(segments).adjust_cell_length(width, PLAIN)


def _canvas(
    curves: Sequence[Curve],
    series: Sequence[tuple[Floats, Floats]],
    markers: Sequence[str],
    styles: Sequence[Style],
    size: tuple[int, int],
    x_limits: Range,
    y_limits: Range,
) -> list[Strip]:
    """The curves alone; the later ones cover the earlier."""
    # Importing plotext takes longer than the app's first paint may.
    import plotext

    terminal = type(plotext.terminal)()  # of our own: the figure that plotext offers is shared and cut to the screen
    terminal.limit(False, False)
    figure = type(plotext.figure)(terminal)
    figure.plot_size(*size)
    figure.canvas("default")
    figure.axes(False)
    for axis, (low, high) in (("x", x_limits), ("y", y_limits)):
        margin = 0.0 if high > low else 0.5
        figure.ruler(axis).frequency(0)
        figure.ruler(axis).lim(low - margin, high + margin)
    for index, (curve, (x, y), marker) in enumerate(zip(curves, series, markers, strict=True)):
        x, y = decimate(x, y, size[0], x_limits)
        # The colour is the number of the curve, replaced by its style below.
        signal = figure.signal(x.tolist(), y.tolist(), marker=plotext.marker(marker, plotext.pixel(index)))
        figure.draw(signal.lines(curve.style == "line"))
    return [_row(line, styles, size[0]) for line in figure.build().string().split("\n")[: size[1]]]


def _row(line: str, styles: Sequence[Style], width: int) -> Strip:
    """A line of plotext's in the styles of the curves; blanks keep the last one, which saves escape codes."""
    first, *rest = CODE.split(line)
    segments, style = [Segment(first, PLAIN)], PLAIN
    for number, text in zip(rest[::2], rest[1::2], strict=True):
        style = styles[int(number)] if number else style
        segments.append(Segment(text, style))
    return Strip([segment for segment in segments if segment.text]).adjust_cell_length(width, PLAIN).simplify()
