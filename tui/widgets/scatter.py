"""A scatter plot of labelled points, such as the latents of digits, with a view and a cursor."""

from dataclasses import dataclass

import numpy as np
from rich.style import Style
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip

from core.arrays import Floats, Integers
from tui.drawing.grounds.ground import Ground, draw_ground
from tui.drawing.points import (
    Markers,
    class_count,
    draw_points,
    legend_place,
    legend_step,
    markers_for,
    with_cursor,
)
from tui.drawing.strips import draw_message
from tui.drawing.view import Canvas, View, finite, home_view, lay_out, nearest
from tui.formatting import CLASS_SIGNS
from tui.terminal.capabilities import ColorDepth, color_depth
from tui.widgets.pointed import PointedWidget

LARGEST_ZOOM, SMALLEST_ZOOM = 1000.0, 0.1  # beyond, tick labels lack digits, or all points fall into one blot
WHEEL = 1.5  # closer with each turn


class Scatter(PointedWidget):
    """Points with a view and a cursor, which keys of the screen and the mouse move."""

    @dataclass
    class CursorMoved(Message):
        """The cursor moved to another point."""

        x: float
        y: float

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Scatter.CursorMoved)

    @dataclass
    class Chosen(Message):
        """The cell of the cursor was clicked once more."""

    @dataclass
    class Moved(Message):
        """The mouse moved the view."""

        scatter: "Scatter"

    def __init__(self, *, message: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.message = message
        self.markers: Markers | None = None
        self._points: Floats = np.empty((0, 2))
        self._labels: Integers = np.empty(0, dtype=int)
        self._title = self._x_label = self._y_label = ""
        self._hidden: frozenset[int] = frozenset()
        self._has_points = False
        self._count: int | None = None
        self._home: View | None = None
        self._view = home_view(self._points)
        self._cursor = (0.0, 0.0)
        self._backdrop: tuple[object, list[Strip]] | None = None
        self._pressed_again = False
        self.ground: Ground | None = None

    @property
    def cursor(self) -> tuple[float, float]:
        """Where the cursor is, in the values of the points."""
        return self._cursor

    @property
    def view(self) -> View:
        return self._view

    @property
    def canvas(self) -> Canvas:
        """Where the points lie in it."""
        return lay_out(self.size.width, self.size.height, self._view)

    @property
    def class_count(self) -> int:
        """How many classes the legend has."""
        return class_count(self._labels, self._count)

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
        ground: Ground | None = None,
        count: int | None = None,
    ) -> None:
        """Show points (N, 2) of classes (N,) 0..61, or the message if there are none. Raises ValueError.

        `keep_view` keeps the view, the cursor and the hidden classes, for newer points of the same space. `home` is
        the initial view, so that two plots can share one; by default it holds all points. `ground` fills the plane in
        place of the points, `count` classes are in the legend, as `class_count` has it.
        """
        if message is not None:
            self.message = message
        if points is None:
            points, classes = np.empty((0, 2)), np.empty(0, dtype=int)
        points, classes = np.array(points, dtype=np.float64), np.array(classes)
        if points.ndim != 2 or points.shape[1] != 2 or classes.shape != points.shape[:1]:
            raise ValueError(f"points are {points.shape} and classes {classes.shape}, must be (N, 2) and (N,)")
        if len(classes) and not (classes.dtype.kind in "iu" and 0 <= classes.min() <= classes.max() < len(CLASS_SIGNS)):
            found = f"{classes.dtype} {classes.min()} to {classes.max()}"
            raise ValueError(f"classes are {found}, must be integers from 0 to 61")
        self._points, self._labels = points, classes.astype(int)
        self._title, self._x_label, self._y_label, self.ground = title, x_label, y_label, ground
        self._count = count
        self._backdrop = None
        self._has_points = bool(finite(points).any())
        if not self._has_points:
            self.redraw()
            return
        kept, self._home = keep_view and self._home is not None, home or home_view(points)
        if kept:
            self._look_at(self._view, self._cursor)
        else:
            self._hidden = frozenset()
            self._look_at(self._home, self._home.center)

    def show_message(self, message: str) -> None:
        """Show a line of text instead of points; the next `show` may still keep the view."""
        self.show(None, message=message)

    def next_markers(self) -> bool:
        """Switch between dots and digits, of which ASCII has digits only; whether that was the whole round."""
        depth = color_depth(self.app)
        self.markers = "digits" if markers_for(self.markers, depth) == "dots" else "dots"
        self._repaint()
        return markers_for(self.markers, depth) == markers_for(None, depth)

    def show_ground(self, ground: Ground | None) -> None:
        """Fill the plane with this in place of its points, or None: show the points."""
        if ground is not self.ground:
            self.ground = ground
            self._repaint()

    def toggle_digit(self, digit: int) -> None:
        """Hide a class or show it again. ValueError if there is none of that number."""
        if digit not in range(self.class_count):
            raise ValueError(f"class is {digit}, must be 0 to {self.class_count - 1}")
        self._hidden ^= {digit}
        self._repaint()

    def show_only(self, label: int) -> None:
        """Hide all classes but this one."""
        self._hidden = frozenset(range(self.class_count)) - {label}
        self._repaint()

    def show_all_classes(self) -> None:
        self._hidden = frozenset()
        self._repaint()

    def zoom(self, factor: float, about: tuple[float, float] | None = None) -> None:
        """Zoom in by `factor`, with the cursor or another point in its place. ValueError unless factor > 0."""
        if not factor > 0:
            raise ValueError(f"factor is {factor}, must be more than 0")
        if self._home is not None:
            (left, right), (start, end) = self._view.x, self._home.x
            now = (end - start) / (right - left)
            factor = min(max(now * factor, SMALLEST_ZOOM), LARGEST_ZOOM) / now
            self._look_at(self._view.zoomed(factor, *(about or self._cursor)), self._cursor)

    def pan(self, columns: int, rows: int) -> None:
        """Move the view by cells to the right and down; the cursor keeps its point until it meets the edge."""
        self._look_at(self.canvas.panned(columns, rows), self._cursor)

    def look_at(self, view: View) -> None:
        """Show this view."""
        self._look_at(view, self._cursor)

    def reset_view(self) -> None:
        """Back to the initial view."""
        if self._home is not None:
            self._look_at(self._home, self._cursor)

    def move_cursor(self, columns: int, rows: int) -> None:
        """Move the cursor by cells to the right and down; at the edge the view moves with it."""
        canvas = self.canvas
        column, row = canvas.clamp(*canvas.cell_of(*self._cursor))
        self.place_cursor(*canvas.center_of(column + columns, row + rows))

    def move_to_edge(self, which: int) -> None:
        """Move the cursor to the left edge of the view, or for 1 to the right one."""
        canvas = self.canvas
        _, row = canvas.clamp(*canvas.cell_of(*self._cursor))
        self.place_cursor(*canvas.center_of((canvas.columns - 1) * which, row))

    def place_cursor(self, x: float, y: float) -> None:
        """Put the cursor at a point, and move the view as far as it needs to be seen."""
        canvas = self.canvas
        column, row = canvas.cell_of(x, y)
        inside = canvas.clamp(column, row)
        self._look_at(canvas.panned(column - inside[0], row - inside[1]), (x, y))

    def nearest(self) -> int | None:
        """Index of the point of a visible class that is nearest to the cursor on the screen."""
        wide, high = self.canvas.cell_size
        visible = ~np.isin(self._labels, list(self._hidden))
        return nearest(self._points, visible, *self._cursor, (1 / wide, 2 / high))  # a cell is twice as high as wide

    # The mouse

    def _cell(self, at: Offset) -> tuple[int, int] | None:
        """The cell of the plane there, None beside it."""
        canvas = self.canvas
        cell = (at.x - canvas.left, at.y - canvas.top)
        return cell if canvas.clamp(*cell) == cell else None

    def press(self, at: Offset) -> bool:
        if not self._has_points:
            return False
        canvas, count = self.canvas, self.class_count
        _, legend = legend_place(self._title, self.size.width, count)
        if canvas.top and at.y == 0 and 0 <= at.x - legend < legend_step(count) * count:
            self.toggle_digit((at.x - legend) // legend_step(count))
        elif (cell := self._cell(at)) is not None:
            self._pressed_again = cell == canvas.clamp(*canvas.cell_of(*self._cursor))
            self.place_cursor(*canvas.center_of(*cell))
            return True
        return False

    def drag(self, right: int, down: int) -> None:
        self.pan(-right, -down)
        self.post_message(self.Moved(self))

    def choose(self, at: Offset, times: int) -> None:
        if self._has_points and self._pressed_again and self._cell(at) is not None:
            self.post_message(self.Chosen())

    def turn(self, at: Offset, *, closer: bool, along_y: bool) -> bool:
        if not self._has_points or (cell := self._cell(at)) is None:
            return False
        self.zoom(WHEEL if closer else 1 / WHEEL, self.canvas.center_of(*cell))
        self.post_message(self.Moved(self))
        return True

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        if not self._has_points:
            return draw_message(self.message, width, height, base)
        # Moving the cursor must not draw all points again.
        look = (width, height, base, depth)
        if self._backdrop is None or self._backdrop[0] != look:
            self._backdrop = look, self._draw_backdrop(*look)
        return with_cursor(self._backdrop[1], lay_out(width, height, self._view), self._cursor, base, depth)

    def _draw_backdrop(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        if self.ground is not None:
            return draw_ground(self.ground, width, height, self._view, self._x_label, self._y_label, base, depth)
        strips = draw_points(
            self._points, self._labels, width, height, view=self._view, title=self._title, x_label=self._x_label,
            y_label=self._y_label, hidden=self._hidden, markers=self.markers, depth=depth, count=self._count,
        )  # fmt: skip
        return [strip.apply_style(base) for strip in strips]

    def _repaint(self) -> None:
        self._backdrop = None
        self.redraw()

    def _look_at(self, view: View, cursor: tuple[float, float]) -> None:
        """Show a view, kept near the points, and the cursor at a point or in the nearest cell in view."""
        if self._home is None or not self._has_points:
            return
        view = view.kept_near(self._home)
        if view != self._view:
            self._view, self._backdrop = view, None
        canvas = self.canvas
        cell = canvas.cell_of(*cursor)
        if cell != (inside := canvas.clamp(*cell)):
            cursor = canvas.center_of(*inside)
        if cursor != self._cursor:
            self._cursor = cursor
            self.post_message(self.CursorMoved(*cursor))
        self.redraw()
