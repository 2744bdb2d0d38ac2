"""Labelled points in the plane, such as the latents of digits: a raster of cells with a view and a cursor."""

from collections.abc import Set
from dataclasses import dataclass, replace
from itertools import pairwise
from math import floor
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from tui.widgets.axes import Range, Ticks, frame, left_of_canvas, place, ticks_within
from tui.widgets.plot import LOWEST, NARROWEST, PLAIN, TITLE
from tui.widgets.strips import ColorDepth, StripWidget, color_depth, message_strips

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Markers = Literal["dots", "digits"]

CLASSES = 10
# Of the 256-colour cube, the ten around the hues of Okabe & Ito 2008 and Paul Tol of which the closest two are furthest
# apart: 12 in CAM02-UCS to eyes without red, green or blue cones (Machado 2009), 20 to others, on #1e1e1e and #e0e0e0.
CLASS_COLORS = (
    *((0, 95, 255), (215, 175, 0), (0, 135, 95), (255, 0, 95), (135, 95, 175)),
    *((255, 135, 135), (95, 135, 0), (175, 175, 255), (175, 95, 135), (95, 175, 175)),
)
# Bright blue, yellow, green, red, magenta, bright red, bright green, bright cyan, bright magenta, cyan: as the RGB that
# rich takes for them, since Textual turns the names into RGB of a theme, which comes out as another of the 16.
SIXTEEN_COLORS = (
    *((85, 85, 255), (170, 85, 0), (0, 170, 0), (170, 0, 0), (170, 0, 170)),
    *((255, 85, 85), (85, 255, 85), (85, 255, 255), (255, 85, 255), (0, 170, 170)),
)
BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])

LABEL, HIDDEN, CURSOR = Style(bold=True, reverse=True), Style(dim=True), Style(bold=True, reverse=True)
GUTTER = 4  # labels of the y axis up to this width leave the canvas where it is while the view moves
DEEPEST, WIDEST = 1000.0, 0.1  # zoom: beyond, tick labels have too few digits and the points are one blot


@dataclass(frozen=True)
class View:
    """The values that the edges of the canvas stand for."""

    x: Range
    y: Range

    @property
    def middle(self) -> tuple[float, float]:
        return sum(self.x) / 2, sum(self.y) / 2

    def moved(self, x: float, y: float) -> "View":
        return View((self.x[0] + x, self.x[1] + x), (self.y[0] + y, self.y[1] + y))

    def zoomed(self, factor: float, x: float, y: float) -> "View":
        """The view in which everything is `factor` times as large and (x, y) stays in its place."""
        (left, right), (bottom, top) = self.x, self.y
        return View(
            (x - (x - left) / factor, x + (right - x) / factor),
            (y - (y - bottom) / factor, y + (top - y) / factor),
        )

    def near(self, home: "View") -> "View":
        """This view, moved back to where `home` is no further than a screen away."""
        shifts = []
        for (low, high), (start, end) in ((self.x, home.x), (self.y, home.y)):
            middle, reach = (low + high) / 2, max(high - low, end - start)
            shifts.append(min(max(middle, start - reach), end + reach) - middle)
        return self.moved(*shifts) if any(shifts) else self


@dataclass(frozen=True)
class Canvas:
    """Where the cells of points lie in the widget; without a frame there are no ticks."""

    view: View
    left: int
    top: int
    columns: int
    rows: int
    framed: bool
    y_ticks: Ticks

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a cell in values."""
        (left, right), (bottom, top) = self.view.x, self.view.y
        return (right - left) / self.columns, (top - bottom) / self.rows

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Column and row of a point, outside of the canvas for one outside of the view."""
        wide, high = self.cell_size
        return floor((x - self.view.x[0]) / wide), floor((self.view.y[1] - y) / high)

    def values(self, column: int, row: int) -> tuple[float, float]:
        """The point in the middle of a cell."""
        wide, high = self.cell_size
        return self.view.x[0] + (column + 0.5) * wide, self.view.y[1] - (row + 0.5) * high

    def within(self, column: int, row: int) -> tuple[int, int]:
        """The cell of the canvas that is nearest to a cell."""
        return min(max(column, 0), self.columns - 1), min(max(row, 0), self.rows - 1)

    def moved(self, columns: int, rows: int) -> View:
        """The view that many cells to the right and below."""
        wide, high = self.cell_size
        return self.view.moved(columns * wide, -rows * high)


def home_view(points: Floats) -> View:
    """All of the points (N, 2) with a margin, without outliers, of which each side may have 1 in 1,000."""
    finite = points[_finite(points)]
    if not len(finite):
        return View((-1.0, 1.0), (-1.0, 1.0))
    return View(_limits(finite[:, 0]), _limits(finite[:, 1]))


def _limits(values: Floats) -> Range:
    low, high = map(float, np.quantile(values, (0.001, 0.999), method="nearest"))
    reach = (high - low) / 4
    low, high = max(low - reach, float(values.min())), min(high + reach, float(values.max()))
    largest = max(abs(low), abs(high))
    margin = 0.04 * (high - low)
    if high - low <= max(1e-9 * largest, 1e-100):
        margin = 0.1 * largest if largest > 1e-90 else 1.0
    return low - margin, high + margin


def _finite(points: Floats) -> NDArray[np.bool_]:
    finite: NDArray[np.bool_] = np.all(np.abs(points) < 1e100, axis=1)
    return finite


def lay_out(width: int, height: int, view: View) -> Canvas:
    """The canvas in a widget of at least one cell: below the title, and in a frame where there is room."""
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


def legend_place(title: str, width: int) -> tuple[str, int]:
    """What of the title leaves room for the legend, and the column of class 0; each class takes two cells."""
    room = width - 2 * CLASSES - 1
    if cell_len(title) > room:
        title = set_cell_size(title, room) if room >= 4 else ""
    return title, cell_len(title) + 2 if title else 0


def nearest(points: Floats, visible: NDArray[np.bool_], x: float, y: float, scale: tuple[float, float]) -> int | None:
    """Index of the visible among points (N, 2) nearest to (x, y) on a screen of `scale` lengths a unit of x and y."""
    candidates = np.flatnonzero(visible & _finite(points))
    if not len(candidates):
        return None
    away = np.hypot(*((points[candidates] - (x, y)) * scale).T)
    return int(candidates[away.argmin()])


def draw(
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
    cursor: tuple[float, float] | None = None,
    depth: ColorDepth = ColorDepth.TRUECOLOR,
) -> list[Strip]:
    """`height` strips of `width` cells: title and legend, y ticks, points (N, 2) of classes (N,) 0..9, x ticks.

    A cell has the colour, or digit, of the class with most points in it. Points that are not finite are left out.
    """
    if width < 1 or height < 1:
        return []
    view = view or home_view(points)
    canvas = lay_out(width, height, view)
    ascii_only = depth is ColorDepth.ASCII
    shown = points_strips(points, classes, canvas, hidden, markers_for(markers, depth), class_styles(depth))
    if canvas.framed:
        (wide, high), (columns, rows) = canvas.cell_size, (canvas.columns, canvas.rows)
        start, end = view.x[0] + wide / 2, view.x[1] - wide / 2
        along = place(ticks_within(start, end, max(2, columns // 12)), start, end, columns)
        down = place(canvas.y_ticks, view.y[1] - high / 2, view.y[0] + high / 2, rows)
        label = f"{x_label} {'>' if ascii_only else '→'}" if x_label else ""
        shown = frame(shown, down, along, label, ascii_only=ascii_only)
    strips = [_header(title, y_label, hidden, width, depth)] * canvas.top + shown
    return with_cursor(strips, canvas, cursor, PLAIN, depth) if cursor else strips


def markers_for(asked: Markers | None, depth: ColorDepth) -> Markers:
    """The markers to draw: dots need colours unless asked for, and more than ASCII in any case."""
    if depth is ColorDepth.ASCII:
        return "digits"
    return asked or ("dots" if depth in (ColorDepth.TRUECOLOR, ColorDepth.EIGHT_BIT) else "digits")


def class_styles(depth: ColorDepth) -> list[Style]:
    """The style of each class, all plain where there is no colour."""
    if depth in (ColorDepth.NONE, ColorDepth.ASCII):
        return [PLAIN] * CLASSES
    colors = SIXTEEN_COLORS if depth is ColorDepth.SIXTEEN else CLASS_COLORS
    return [Style.from_color(Color.from_rgb(*color)) for color in colors]


def points_strips(
    points: Floats, classes: Integers, canvas: Canvas, hidden: Set[int], markers: Markers, styles: list[Style]
) -> list[Strip]:
    """The canvas alone: a dot for every point or a digit for every cell, and with dots a label at each mean."""
    visible = _finite(points) & ~np.isin(classes, list(hidden))
    (left, right), (bottom, top) = canvas.view.x, canvas.view.y
    columns, rows = canvas.columns, canvas.rows
    inside = visible & (points >= (left, bottom)).all(axis=1) & (points <= (right, top)).all(axis=1)
    across = ((points[inside, 0] - left) / (right - left) * 2 * columns).astype(int).clip(0, 2 * columns - 1)
    down = ((top - points[inside, 1]) / (top - bottom) * 4 * rows).astype(int).clip(0, 4 * rows - 1)

    cells = down // 4 * columns + across // 2
    counts = np.bincount(cells * CLASSES + classes[inside], minlength=rows * columns * CLASSES)
    counts = counts.reshape(rows, columns, CLASSES)
    looks, empty = counts.argmax(axis=2), ~counts.any(axis=2)
    if markers == "dots":
        lit = np.zeros((4 * rows, 2 * columns), dtype=bool)
        lit[down, across] = True
        patterns = (lit.reshape(rows, 4, columns, 2) * BRAILLE[:, None, :]).sum(axis=(1, 3))
        glyphs = np.where(empty, ord(" "), 0x2800 + patterns)
    else:
        glyphs = np.where(empty, ord(" "), ord("0") + looks)
    # Blanks keep the style to their left, which saves escape codes.
    before = np.maximum.accumulate(np.where(empty, -1, np.arange(columns)), axis=1)
    looks = np.where(before < 0, -1, np.take_along_axis(looks, before.clip(0), axis=1))

    if markers == "dots":
        for digit, (column, row) in _mean_cells(points[visible], classes[visible], canvas).items():
            glyphs[row, column], looks[row, column] = ord("0") + digit, CLASSES + digit
    chosen = [*styles, *map(_label_style, styles), PLAIN]
    return [_row("".join(map(chr, codes)), look, chosen) for codes, look in zip(glyphs.tolist(), looks, strict=True)]


def _mean_cells(points: Floats, classes: Integers, canvas: Canvas) -> dict[int, tuple[int, int]]:
    """The cell of each class's mean that is in view; where two meet, the later stands beside."""
    taken: dict[tuple[int, int], int] = {}
    for digit in np.unique(classes).tolist():
        column, row = cell = canvas.cell(*points[classes == digit].mean(axis=0))
        if cell == canvas.within(*cell):
            while (column, row) in taken:
                column += 1
            if column < canvas.columns:
                taken[column, row] = digit
    return {digit: cell for cell, digit in taken.items()}


def _label_style(style: Style) -> Style:
    """A bold digit on the class's colour, black or white by the contrast that is larger, or reversed without colour."""
    if style.color is None:
        return LABEL
    red, green, blue = style.color.get_truecolor()
    ink = "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else "#ffffff"
    return Style(bold=True, color=ink, bgcolor=style.color)


def _row(text: str, looks: Integers, styles: list[Style]) -> Strip:
    edges = [0, *(np.flatnonzero(np.diff(looks)) + 1).tolist(), len(text)]
    return Strip([Segment(text[start:end], styles[looks[start]]) for start, end in pairwise(edges)], len(text))


def _header(title: str, y_label: str, hidden: Set[int], width: int, depth: ColorDepth) -> Strip:
    """The title, the classes, those hidden as a point, and the y label if it fits whole."""
    ascii_only = depth is ColorDepth.ASCII
    title, start = legend_place(title, width)
    segments = [Segment(title, TITLE), Segment("  ", PLAIN)] if title else []
    for digit, style in enumerate(class_styles(depth)):
        shown = Segment("." if ascii_only else "·", HIDDEN) if digit in hidden else Segment(str(digit), style + TITLE)
        segments += [shown, Segment(" ", PLAIN)]
    label = f"{'^' if ascii_only else '↑'} {y_label}"
    room = width - start - 2 * CLASSES
    if y_label and cell_len(label) < room:
        segments.append(Segment(" " * (room - cell_len(label)) + label, HIDDEN))
    return Strip(segments).adjust_cell_length(width, PLAIN)


def with_cursor(
    strips: list[Strip], canvas: Canvas, cursor: tuple[float, float], base: Style, depth: ColorDepth
) -> list[Strip]:
    """The strips with a crosshair in the cell of the cursor."""
    column, row = canvas.within(*canvas.cell(*cursor))
    x, y = canvas.left + column, canvas.top + row
    cross = Strip([Segment("+" if depth is ColorDepth.ASCII else "┼", base + CURSOR)], 1)
    line = strips[y]
    marked = Strip.join([line.crop(0, x), cross, line.crop(x + 1, line.cell_length)])
    return [*strips[:y], marked, *strips[y + 1 :]]


class Scatter(StripWidget):
    """Points with a view and a cursor, which the screen's keys and the mouse move."""

    @dataclass
    class CursorMoved(Message):
        """The cursor stands at another point."""

        x: float
        y: float

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Scatter.CursorMoved)

    def __init__(self, *, message: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.message = message
        self.markers: Markers | None = None
        self._points: Floats = np.empty((0, 2))
        self._labels: Integers = np.empty(0, dtype=int)
        self._title = self._x_label = self._y_label = ""
        self._hidden: frozenset[int] = frozenset()
        self._has_points = False
        self._home: View | None = None
        self._view = home_view(self._points)
        self._cursor = (0.0, 0.0)
        self._backdrop: tuple[object, list[Strip]] | None = None

    @property
    def cursor(self) -> tuple[float, float]:
        """Where the cursor is, in the values of the points."""
        return self._cursor

    @property
    def view(self) -> View:
        return self._view

    @property
    def hidden(self) -> frozenset[int]:
        """The classes that are switched off."""
        return self._hidden

    def show(
        self,
        points: Floats | None,
        classes: Integers | None = None,
        *,
        title: str = "",
        x_label: str = "",
        y_label: str = "",
        keep_view: bool = False,
        home: View | None = None,
        message: str | None = None,
    ) -> None:
        """Show points (N, 2) of classes (N,) 0..9, or None for the message. Raises ValueError.

        `keep_view` keeps the view, the cursor and the hidden classes, for newer points of the same space. `home` is
        the view to begin with, so that two plots can have the same; without one it is what holds all points.
        """
        if message is not None:
            self.message = message
        if points is None:
            points, classes = np.empty((0, 2)), np.empty(0, dtype=int)
        points, classes = np.array(points, dtype=np.float64), np.array(classes)
        if points.ndim != 2 or points.shape[1] != 2 or classes.shape != points.shape[:1]:
            raise ValueError(f"points are {points.shape} and classes {classes.shape}, must be (N, 2) and (N,)")
        if len(classes) and not (classes.dtype.kind in "iu" and 0 <= classes.min() <= classes.max() < CLASSES):
            raise ValueError(f"classes are {classes.dtype} {classes.min()} to {classes.max()}, must be integers 0 to 9")
        self._points, self._labels = points, classes.astype(int)
        self._title, self._x_label, self._y_label = title, x_label, y_label
        self._backdrop = None
        self._has_points = bool(_finite(points).any())
        if not self._has_points:
            self.redraw()
            return
        kept, self._home = keep_view and self._home is not None, home or home_view(points)
        if kept:
            self._look_at(self._view, self._cursor)
        else:
            self._hidden = frozenset()
            self._look_at(self._home, self._home.middle)

    def show_message(self, message: str) -> None:
        """Show a line of text instead of points; the next `show` may still keep the view."""
        self.show(None, message=message)

    def cycle_markers(self) -> Markers:
        """Change from dots to digits or back, and return what is drawn now; ASCII has digits only."""
        depth = color_depth(self.app)
        self.markers = "digits" if markers_for(self.markers, depth) == "dots" else "dots"
        self._repaint()
        return markers_for(self.markers, depth)

    def switch_class(self, digit: int) -> None:
        """Hide a class or show it again. ValueError if it is not 0..9."""
        if digit not in range(CLASSES):
            raise ValueError(f"class is {digit}, must be 0 to {CLASSES - 1}")
        self._hidden ^= {digit}
        self._repaint()

    def show_all_classes(self) -> None:
        self._hidden = frozenset()
        self._repaint()

    def zoom(self, factor: float) -> None:
        """Draw everything `factor` times as large, the cursor in its place. ValueError unless factor > 0."""
        if not factor > 0:
            raise ValueError(f"factor is {factor}, must be more than 0")
        if self._home is not None:
            (left, right), (start, end) = self._view.x, self._home.x
            now = (end - start) / (right - left)
            factor = min(max(now * factor, WIDEST), DEEPEST) / now
            self._look_at(self._view.zoomed(factor, *self._cursor), self._cursor)

    def pan(self, columns: int, rows: int) -> None:
        """Move the view by cells to the right and down; the cursor stays where it is until it meets the edge."""
        self._look_at(self._canvas().moved(columns, rows), self._cursor)

    def reset_view(self) -> None:
        """All points again."""
        if self._home is not None:
            self._look_at(self._home, self._cursor)

    def move_cursor(self, columns: int, rows: int) -> None:
        """Move the cursor by cells to the right and down; at the edge the view moves with it."""
        canvas = self._canvas()
        column, row = canvas.within(*canvas.cell(*self._cursor))
        self.place_cursor(*canvas.values(column + columns, row + rows))

    def place_cursor(self, x: float, y: float) -> None:
        """Put the cursor at a point, and move the view as far as it needs to be seen."""
        canvas = self._canvas()
        column, row = canvas.cell(x, y)
        inside = canvas.within(column, row)
        self._look_at(canvas.moved(column - inside[0], row - inside[1]), (x, y))

    def nearest(self) -> int | None:
        """Index of the point of a visible class that looks nearest to the cursor."""
        wide, high = self._canvas().cell_size
        visible = ~np.isin(self._labels, list(self._hidden))
        return nearest(self._points, visible, *self._cursor, (1 / wide, 2 / high))  # a cell is twice as high as wide

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if not self._has_points:
            return
        at = event.get_content_offset_capture(self)
        canvas = self._canvas()
        _, legend = legend_place(self._title, self.size.width)
        if canvas.top and at.y == 0 and 0 <= at.x - legend < 2 * CLASSES:
            self.switch_class((at.x - legend) // 2)
        elif canvas.within(*(cell := (at.x - canvas.left, at.y - canvas.top))) == cell:
            self.capture_mouse()
            self.place_cursor(*canvas.values(*cell))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            at = event.get_content_offset_capture(self)
            canvas = self._canvas()
            self.place_cursor(*canvas.values(*canvas.within(at.x - canvas.left, at.y - canvas.top)))

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        if not self._has_points:
            return [strip.apply_style(base) for strip in message_strips(self.message, width, height)]
        # A cursor that moves must not cost a drawing of all the points.
        look = (width, height, base, depth)
        if self._backdrop is None or self._backdrop[0] != look:
            strips = draw(
                self._points,
                self._labels,
                width,
                height,
                view=self._view,
                title=self._title,
                x_label=self._x_label,
                y_label=self._y_label,
                hidden=self._hidden,
                markers=self.markers,
                depth=depth,
            )
            self._backdrop = look, [strip.apply_style(base) for strip in strips]
        return with_cursor(self._backdrop[1], lay_out(width, height, self._view), self._cursor, base, depth)

    def _canvas(self) -> Canvas:
        return lay_out(self.size.width, self.size.height, self._view)

    def _repaint(self) -> None:
        self._backdrop = None
        self.redraw()

    def _look_at(self, view: View, cursor: tuple[float, float]) -> None:
        """Show a view that is near the points, and the cursor at a point or at the cell in view nearest to it."""
        if self._home is None or not self._has_points:
            return
        view = view.near(self._home)
        if view != self._view:
            self._view, self._backdrop = view, None
        canvas = self._canvas()
        cell = canvas.cell(*cursor)
        if cell != (inside := canvas.within(*cell)):
            cursor = canvas.values(*inside)
        if cursor != self._cursor:
            self._cursor = cursor
            self.post_message(self.CursorMoved(*cursor))
        self.redraw()
