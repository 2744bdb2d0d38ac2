"""Draws labelled points as a raster of cells: the class with most points in a cell gives it its colour or its digit."""

from collections.abc import Set
from itertools import pairwise
from typing import Literal

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats, Integers
from tui.drawing.plots.axes import frame, place, ticks_within
from tui.drawing.plots.legend import PLAIN, TITLE
from tui.drawing.view import Canvas, View, finite, home_view, lay_out
from tui.formatting import CLASS_SIGNS
from tui.terminal.capabilities import ColorDepth

Markers = Literal["dots", "digits"]
UNLABELLED = "o"  # where there are no classes
CLASSES = 10  # with a colour of their own; of more, each tenth has the same one
# Ten colours of the 256-colour cube near the hues of Okabe & Ito 2008 and Paul Tol, chosen for the largest distance of
# the closest two in CAM02-UCS: 12 without red, green or blue cones (Machado 2009), else 20; on #1e1e1e and #e0e0e0.
CLASS_COLORS = (
    *((0, 95, 255), (215, 175, 0), (0, 135, 95), (255, 0, 95), (135, 95, 175)),
    *((255, 135, 135), (95, 135, 0), (175, 175, 255), (175, 95, 135), (95, 175, 175)),
)
# Bright blue, yellow, green, red, magenta, bright red, bright green, bright cyan, bright magenta, cyan, as rich's RGB:
# Textual would turn their names into RGB of a theme, which comes out as another of the 16.
SIXTEEN_COLORS = (
    *((85, 85, 255), (170, 85, 0), (0, 170, 0), (170, 0, 0), (170, 0, 170)),
    *((255, 85, 85), (85, 255, 85), (85, 255, 255), (255, 85, 255), (0, 170, 170)),
)
BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
LABEL, HIDDEN, CURSOR = Style(bold=True, reverse=True), Style(dim=True), Style(bold=True, reverse=True)


def legend_step(count: int) -> int:
    """How many cells each of so many classes takes in the legend."""
    return 2 if count <= CLASSES else 1


def class_count(classes: Integers, count: int | None = None) -> int:
    """How many classes the legend has: so many, none where nothing is labelled; else as digits have, or more."""
    return max(CLASSES, int(classes.max(initial=-1)) + 1) if count is None else count


def legend_place(title: str, width: int, count: int = CLASSES) -> tuple[str, int]:
    """The title, cropped to leave room for the legend, and the column of class 0."""
    room = width - legend_step(count) * count - 1
    if cell_len(title) > room:
        title = set_cell_size(title, room) if room >= 4 else ""
    return title, cell_len(title) + 2 if title else 0


def draw_points(
    points: Floats,
    classes: Integers,
    width: int,
    height: int,
    *,
    view: View | None = None,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    hidden: Set[int] = frozenset(),
    markers: Markers | None = None,
    depth: ColorDepth = ColorDepth.TRUECOLOR,
    count: int | None = None,
) -> list[Strip]:
    """`height` strips of `width` cells: title and legend, y ticks, points (N, 2) of classes (N,), x ticks.

    A cell has the colour, or digit, of the class with most points in it. Points that are not finite are left out.
    `count` is as of `class_count`.
    """
    if width < 1 or height < 1:
        return []
    canvas = lay_out(width, height, view or home_view(points))
    count = class_count(classes, count)
    styles = class_styles(depth, max(count, 1))
    signs = CLASS_SIGNS if count else UNLABELLED
    shown = _canvas(points, classes, canvas, hidden, markers_for(markers, depth), styles, signs)
    shown = framed(shown, canvas, x_label, depth)
    return [_header(title, y_label, hidden, width, depth, styles[:count])] * canvas.top + shown


def framed(shown: list[Strip], canvas: Canvas, x_label: str, depth: ColorDepth, base: Style = PLAIN) -> list[Strip]:
    """The strips of a canvas with ticks at its left and below it, where it is framed; `base` is below the ticks."""
    if not canvas.framed:
        return shown
    view, arrow = canvas.view, ">" if depth is ColorDepth.ASCII else "→"
    (wide, high), (columns, rows) = canvas.cell_size, (canvas.columns, canvas.rows)
    start, end = view.x[0] + wide / 2, view.x[1] - wide / 2
    along = place(ticks_within(start, end, max(2, columns // 12)), start, end, columns)
    down = place(canvas.y_ticks, view.y[1] - high / 2, view.y[0] + high / 2, rows)
    return frame(shown, down, along, f"{x_label} {arrow}" if x_label else "", depth, base)


def markers_for(asked: Markers | None, depth: ColorDepth) -> Markers:
    """The markers to draw: dots by default where there are 256 colours, and never in ASCII."""
    if depth is ColorDepth.ASCII:
        return "digits"
    return asked or ("dots" if depth.has_shades else "digits")


def class_styles(depth: ColorDepth, count: int = CLASSES) -> list[Style]:
    """The style of each class, plain where there are no colours."""
    if not depth.has_colors:
        return [PLAIN] * count
    colors = SIXTEEN_COLORS if depth is ColorDepth.SIXTEEN else CLASS_COLORS
    return [Style.from_color(Color.from_rgb(*colors[label % CLASSES])) for label in range(count)]


def _canvas(
    points: Floats,
    classes: Integers,
    canvas: Canvas,
    hidden: Set[int],
    markers: Markers,
    styles: list[Style],
    signs: str,
) -> list[Strip]:
    """The canvas alone: a dot for each point and a label at the mean of each class, or a sign for each cell."""
    visible = finite(points) & ~np.isin(classes, list(hidden))
    (left, right), (bottom, top) = canvas.view.x, canvas.view.y
    columns, rows = canvas.columns, canvas.rows
    inside = visible & (points >= (left, bottom)).all(axis=1) & (points <= (right, top)).all(axis=1)
    across = ((points[inside, 0] - left) / (right - left) * 2 * columns).astype(int).clip(0, 2 * columns - 1)
    down = ((top - points[inside, 1]) / (top - bottom) * 4 * rows).astype(int).clip(0, 4 * rows - 1)

    cells = down // 4 * columns + across // 2
    kinds = len(styles)
    counts = np.bincount(cells * kinds + classes[inside], minlength=rows * columns * kinds)
    counts = counts.reshape(rows, columns, kinds)
    looks, empty = counts.argmax(axis=2), ~counts.any(axis=2)
    if markers == "dots":
        lit = np.zeros((4 * rows, 2 * columns), dtype=bool)
        lit[down, across] = True
        patterns = (lit.reshape(rows, 4, columns, 2) * BRAILLE[:, None, :]).sum(axis=(1, 3))
        glyphs = np.where(empty, ord(" "), 0x2800 + patterns)
    else:
        glyphs = np.where(empty, ord(" "), np.frombuffer(signs.encode(), np.uint8).astype(int)[looks])
    # Blanks take the style on their left, which saves escape codes.
    before = np.maximum.accumulate(np.where(empty, -1, np.arange(columns)), axis=1)
    looks = np.where(before < 0, -1, np.take_along_axis(looks, before.clip(0), axis=1))

    if markers == "dots" and signs is not UNLABELLED:
        for digit, (column, row) in _mean_cells(points[visible], classes[visible], canvas).items():
            glyphs[row, column], looks[row, column] = ord(CLASS_SIGNS[digit]), kinds + digit
    chosen = [*styles, *map(_label_style, styles), PLAIN]
    return cell_rows(glyphs, looks, chosen)


def _mean_cells(points: Floats, classes: Integers, canvas: Canvas) -> dict[int, tuple[int, int]]:
    """The cell of the mean of each class, if in view; where two coincide, the later one moves to the right."""
    taken: dict[tuple[int, int], int] = {}
    for digit in np.unique(classes).tolist():
        column, row = cell = canvas.cell_of(*points[classes == digit].mean(axis=0))
        if cell == canvas.clamp(*cell):
            while (column, row) in taken:
                column += 1
            if column < canvas.columns:
                taken[column, row] = digit
    return {digit: cell for cell, digit in taken.items()}


def _label_style(style: Style) -> Style:
    """A bold digit on the colour of the class, black or white for contrast; reversed without colours."""
    if style.color is None:
        return LABEL
    red, green, blue = style.color.get_truecolor()
    ink = "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else "#ffffff"
    return Style(bold=True, color=ink, bgcolor=style.color)


def cell_rows(glyphs: Integers, looks: Integers, styles: list[Style]) -> list[Strip]:
    """Strips of the characters `glyphs` (rows, columns), each in the style that `looks` names; -1 is the last one."""
    return [_row("".join(map(chr, codes)), look, styles) for codes, look in zip(glyphs.tolist(), looks, strict=True)]


def _row(text: str, looks: Integers, styles: list[Style]) -> Strip:
    edges = [0, *(np.flatnonzero(np.diff(looks)) + 1).tolist(), len(text)]
    return Strip([Segment(text[start:end], styles[looks[start]]) for start, end in pairwise(edges)], len(text))


def _header(title: str, y_label: str, hidden: Set[int], width: int, depth: ColorDepth, styles: list[Style]) -> Strip:
    """The title, the classes, hidden ones as a dot, and the y label if it fits."""
    ascii_only = depth is ColorDepth.ASCII
    step = legend_step(len(styles))
    title, start = legend_place(title, width, len(styles))
    segments = [Segment(title, TITLE), Segment("  ", PLAIN)] if title else []
    for sign, style, digit in zip(CLASS_SIGNS, styles, range(len(styles)), strict=False):
        shown = Segment("." if ascii_only else "·", HIDDEN) if digit in hidden else Segment(sign, style + TITLE)
        segments += [shown, Segment(" " * (step - 1), PLAIN)][:step]
    label = f"{'^' if ascii_only else '↑'} {y_label}"
    room = width - start - step * len(styles)
    if y_label and cell_len(label) < room:
        segments.append(Segment(" " * (room - cell_len(label)) + label, HIDDEN))
    return Strip(segments).adjust_cell_length(width, PLAIN)


def with_cursor(
    strips: list[Strip], canvas: Canvas, cursor: tuple[float, float], base: Style, depth: ColorDepth
) -> list[Strip]:
    """The strips with a crosshair in the cell of the cursor."""
    column, row = canvas.clamp(*canvas.cell_of(*cursor))
    x, y = canvas.left + column, canvas.top + row
    cross = Strip([Segment("+" if depth is ColorDepth.ASCII else "┼", base + CURSOR)], 1)
    line = strips[y]
    marked = Strip.join([line.crop(0, x), cross, line.crop(x + 1, line.cell_length)])
    return [*strips[:y], marked, *strips[y + 1 :]]
