"""From points to cells: plotext draws lines between few; of many, each column of dots shows the lowest and highest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.style import Style

from core.arrays import Floats
from tui.drawing.plots.axes import Range
from tui.drawing.plots.cells import Cells

DOTS_ALONG, DOTS_UP = 2, 4  # of a cell
CODE = re.compile(r"\x1b\[(?:38;5;(\d+)|0)m")
BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
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
        return cell_of(x, *self.x, self.columns)

    def row(self, y: float) -> int:
        """The row of a value, counted from the top; it may lie outside."""
        return cell_of(np.log10(y) if self.log_scale else y, self.y[1], self.y[0], self.rows)

    def x_at(self, column: float) -> float:
        """The value at the middle of a column."""
        return self.x[0] + (self.x[1] - self.x[0]) * column / max(self.columns - 1, 1)


def cell_of(value: float, first: float, last: float, cells: int) -> int:
    """The cell of a value where the first and the last cell have these."""
    part = (value - first) / (last - first) if last != first else 0.5
    return round(min(max(part, -1.0), 2.0) * (cells - 1))


def put_lines(cells: Cells, drawn: Mapping[int, tuple[Points, str, Style]], canvas: Canvas, *, joined: bool) -> None:
    """Put curves by their number over the cells, each drawn with a glyph, joined by lines; later ones cover others."""
    # Imported late: it takes longer than the first paint may.
    import plotext

    terminal = type(plotext.terminal)()  # plotext's own figure is shared, and cropped to the screen
    terminal.limit(False, False)
    figure = type(plotext.figure)(terminal)
    figure.plot_size(canvas.columns, canvas.rows)
    figure.canvas("default")
    figure.axes(False)
    for axis, (low, high) in (("x", canvas.x), ("y", canvas.y)):
        margin = 0.0 if high > low else 0.5
        figure.ruler(axis).frequency(0)
        figure.ruler(axis).lim(low - margin, high + margin)
    room = canvas.y[1] - canvas.y[0]
    for index, (points, glyph, _) in drawn.items():
        # Of what lies outside plotext computes every cell, however far a line goes.
        x, y = cut(*points, canvas.y[0] - room, canvas.y[1] + room) if room and joined else points
        # The colour encodes the number of the curve; it is replaced by the style.
        signal = figure.signal(x.tolist(), y.tolist(), marker=plotext.marker(glyph, plotext.pixel(index)))
        figure.draw(signal.lines(joined))
    for row, line in enumerate(figure.build().string().split("\n")[: canvas.rows]):
        column = 0
        first, *rest = CODE.split(line)
        for text, code in zip([first, *rest[1::2]], ["", *rest[::2]], strict=True):
            if code:
                cells.put(column, row, text, drawn[int(code)][2])
            column += len(text)


def cut(x: Floats, y: Floats, low: float, high: float) -> Points:
    """The line through points (N,) that goes along low and high where it lay beyond them."""
    crossed = [np.flatnonzero((y[:-1] < bound) != (y[1:] < bound)) for bound in (low, high)]
    at, bounds = np.concatenate(crossed), np.repeat([low, high], list(map(len, crossed)))
    part = (bounds - y[at]) / (y[at + 1] - y[at])
    order = np.lexsort((part, at))
    at, bounds, part = at[order], bounds[order], part[order]
    x, y = np.insert(x, at + 1, x[at] + part * (x[at + 1] - x[at])), np.insert(y, at + 1, bounds)
    return x, np.clip(y, low, high)


def put_spans(cells: Cells, points: Points, glyph: str, style: Style, canvas: Canvas) -> None:
    """Put a curve of many points over the cells: in each column of dots, from its lowest value to its highest."""
    characters = _characters(_dots(*points, canvas), glyph)
    for row, column in zip(*np.nonzero(characters != " "), strict=True):
        cells.put(int(column), int(row), str(characters[row, column]), style)


def _dots(x: Floats, y: Floats, canvas: Canvas) -> NDArray[np.bool_]:
    """Which dots a curve covers, (DOTS_UP * rows, DOTS_ALONG * columns); consecutive points are joined."""
    along, up = DOTS_ALONG * canvas.columns, DOTS_UP * canvas.rows
    low, high = canvas.x
    # A cell's middle has its value, so the first dot begins half a cell before.
    cell = (high - low) / max(canvas.columns - 1, 1) or 1.0
    edges = low - cell / 2 + cell / DOTS_ALONG * np.arange(along + 1)
    starts = np.searchsorted(x, edges)
    filled = np.flatnonzero(np.diff(starts))
    if not len(filled):
        return np.zeros((up, along), bool)
    lowest = np.minimum.reduceat(y, starts[filled])
    highest = np.maximum.reduceat(y, starts[filled])
    middle = (edges[:-1] + edges[1:]) / 2
    first, last = _dot_rows(np.interp(middle, x, y), canvas), _dot_rows(np.interp(middle, x, y), canvas)
    first[filled], last[filled] = _dot_rows(highest, canvas), _dot_rows(lowest, canvas)
    # Joined to the last point before it, if there is one.
    before = _dot_rows(y[np.maximum(starts[filled] - 1, 0)], canvas)
    first[filled] = np.where(before < first[filled], before + 1, first[filled])
    last[filled] = np.where(before > last[filled], before - 1, last[filled])
    is_drawn = np.zeros(along, bool)
    is_drawn[filled[0] : filled[-1] + 1] = True
    rows = np.arange(up)[:, None]
    inside = (np.maximum(first, 0) <= rows) & (rows <= np.minimum(last, up - 1)) & is_drawn
    return np.asarray(inside)


def _dot_rows(y: Floats, canvas: Canvas) -> NDArray[np.float64]:
    """The row of dots of values, counted from the top."""
    low, high = canvas.y
    part = (high - y) / (high - low) if high > low else np.full(len(y), 0.5)
    return np.asarray(np.clip(np.floor((part * (canvas.rows - 1) + 0.5) * DOTS_UP), -1, DOTS_UP * canvas.rows))


def _characters(dots: NDArray[np.bool_], glyph: str) -> NDArray[np.str_]:
    """The dots as cells, (rows, columns), blank where there are none."""
    cells = dots.reshape(dots.shape[0] // DOTS_UP, DOTS_UP, -1, DOTS_ALONG)
    if glyph == "braille":
        codes = (cells * BRAILLE[:, None]).sum(axis=(1, 3))
        return np.asarray(np.where(codes, np.vectorize(chr, otypes=["U1"])(0x2800 + codes), " "))
    if glyph == "hd":
        halves = cells.reshape(len(cells), 2, 2, -1, DOTS_ALONG).any(axis=2)
        codes = (halves * np.array([[1, 2], [4, 8]])[:, None]).sum(axis=(1, 3))
        return np.asarray(np.array(list(QUADRANTS))[codes])
    return np.asarray(np.where(cells.any(axis=(1, 3)), glyph, " "))
