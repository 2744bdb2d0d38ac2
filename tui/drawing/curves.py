"""Draws curves as strips: plotext rasterises them; title, legend, axes and ticks are drawn here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Literal, NamedTuple

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats
from tui.drawing.axes import Range, Ticks, frame, left_of_canvas, linear_ticks, log_ticks, place, ticks_within
from tui.drawing.strips import draw_message
from tui.terminal.capabilities import ColorDepth

PLAIN, TITLE = Style(), Style(bold=True)
NARROWEST, LOWEST = 20, 5  # a smaller plot has no room for axes
LARGEST = 1e150  # the margins of a logarithmic axis overflow far beyond
CODE = re.compile(r"\x1b\[(?:38;5;(\d+)|0)m")


class Marker(NamedTuple):
    """How a curve looks: to plotext, in the legend, in ASCII and in matplotlib."""

    plotext: str
    legend: str
    ascii: str
    matplotlib: str


# The curves of a plot differ in shape as well as in colour.
LINES = (Marker("braille", "⠤⠤", "*", "-"), Marker("hd", "▄▄", "+", "--"), Marker("·", "··", "-", ":"))
DIM_LINE = Marker("braille", "⠤⠤", ".", "-")
POINTS = (
    Marker("●", "●", "o", "o"),
    Marker("◆", "◆", "x", "D"),
    Marker("▲", "▲", "#", "^"),
    Marker("■", "■", "@", "s"),
)


@dataclass(frozen=True, eq=False)
class Curve:
    """A named series, x (N,) ascending and y (N,); colour as (r, g, b) or anything that rich parses."""

    label: str
    x: Floats
    y: Floats
    color: tuple[int, int, int] | str
    style: Literal["line", "points"] = "line"
    dim: bool = False

    @property
    def rich_color(self) -> Color:
        return Color.parse(self.color) if isinstance(self.color, str) else Color.from_rgb(*self.color)

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


def markers(curves: Sequence[Curve]) -> list[Marker]:
    """The marker of each curve: no two lines and no two kinds of points look the same, but dim lines do."""
    lines, points = count(), count()
    chosen = []
    for curve in curves:
        if curve.style == "points":
            chosen.append(POINTS[next(points) % len(POINTS)])
        else:
            chosen.append(DIM_LINE if curve.dim else LINES[next(lines) % len(LINES)])
    return chosen


def decimate(x: Floats, y: Floats, columns: int, x_range: Range | None = None) -> tuple[Floats, Floats]:
    """The smallest and largest y in each of `columns` equal parts of x or x_range, in order: at most 2 * columns.

    Values that are not finite are dropped; a short series is returned unchanged. x must ascend.
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
    """The mean of the finite values among the last `window`, (N,), NaN if there are none. ValueError if window < 1."""
    if window < 1:
        raise ValueError(f"window is {window}, must be at least 1")
    finite = np.isfinite(y)
    sums = np.concatenate(([0.0], np.cumsum(np.where(finite, y, 0.0))))
    counts = np.concatenate(([0], np.cumsum(finite)))
    stop = np.arange(1, len(y) + 1)
    start = np.maximum(stop - window, 0)
    count = counts[stop] - counts[start]
    return np.where(count > 0, (sums[stop] - sums[start]) / np.maximum(count, 1), np.nan)


def draw_curves(
    curves: Sequence[Curve],
    width: int,
    height: int,
    *,
    title: str = "",
    x_label: str = "epoch",
    log_scale: bool = False,
    x_range: Range | None = None,
    depth: ColorDepth = ColorDepth.TRUECOLOR,
) -> list[Strip]:
    """`height` strips of `width` cells: title and legend, y ticks, the curves, x ticks.

    A log scale leaves out values of zero and below; without any value a message is shown in the middle.
    """
    if width < 1 or height < 1:
        return []
    series = [curve.visible(x_range, log_scale=log_scale) for curve in curves]
    if log_scale:
        series = [(x, np.log10(y)) for x, y in series]
    looks = markers(curves)
    styles = [_style(curve, depth) for curve in curves]
    signs = [_legend_sign(curve, marker, depth) for curve, marker in zip(curves, looks, strict=True)]
    header = [_header(title, curves, signs, styles, width)] if height > 1 else []
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
        names = [marker.ascii if depth is ColorDepth.ASCII else marker.plotext for marker in looks]
        canvas = _canvas(curves, series, names, styles, (columns, rows), x_limits, y_limits)
    else:
        canvas = draw_message("no steps yet", columns, rows)
    if framed:
        down = place(y_ticks, y_limits[1], y_limits[0], rows)
        along = place(x_ticks, *x_limits, columns) if x_ticks else {}
        canvas = frame(canvas, down, along, x_label, depth)
    return header + canvas


def _legend_sign(curve: Curve, marker: Marker, depth: ColorDepth) -> str:
    if depth is ColorDepth.ASCII:
        return marker.ascii if curve.style == "points" else 2 * marker.ascii
    return marker.legend


def _style(curve: Curve, depth: ColorDepth) -> Style:
    return Style.from_color(curve.rich_color if depth.has_colors else None) + Style(dim=curve.dim or None)


def _header(title: str, curves: Sequence[Curve], signs: Sequence[str], styles: Sequence[Style], width: int) -> Strip:
    """The title and the entries of the legend that fit."""
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
    """The curves alone; later ones cover earlier ones."""
    # Imported late: it takes longer than the first paint may.
    import plotext

    terminal = type(plotext.terminal)()  # plotext's own figure is shared, and cropped to the screen
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
        # The colour encodes the index of the curve; `_row` replaces it by the style.
        signal = figure.signal(x.tolist(), y.tolist(), marker=plotext.marker(marker, plotext.pixel(index)))
        figure.draw(signal.lines(curve.style == "line"))
    return [_row(line, styles, size[0]) for line in figure.build().string().split("\n")[: size[1]]]


def _row(line: str, styles: Sequence[Style], width: int) -> Strip:
    """A line of plotext's output in the styles of the curves; blanks keep the last one, which saves escape codes."""
    first, *rest = CODE.split(line)
    segments, style = [Segment(first, PLAIN)], PLAIN
    for number, text in zip(rest[::2], rest[1::2], strict=True):
        style = styles[int(number)] if number else style
        segments.append(Segment(text, style))
    return Strip([segment for segment in segments if segment.text]).adjust_cell_length(width, PLAIN).simplify()
