"""A cell shows the class with most points in it, the view follows the cursor, and the mouse does what keys do."""

from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import numpy as np
import pytest
from rich.color import ColorSystem
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip

from tui.drawing.points import CLASS_COLORS, SIXTEEN_COLORS, Markers, class_styles, draw_points, markers_for
from tui.drawing.view import Canvas, View, home_view, lay_out, nearest
from tui.terminal.capabilities import ColorDepth
from tui.widgets.scatter import Scatter

UNIT = View((0.0, 1.0), (0.0, 1.0))


def digits(count: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Ten clouds on a circle."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 10, count)
    angle = classes * np.pi / 5
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * 3 + rng.normal(0, 0.4, (count, 2)), classes


def at(canvas: Canvas, column: int, row: int, count: int = 1) -> list[tuple[float, float]]:
    """Points in the middle of a cell."""
    return [canvas.center_of(column, row)] * count


def text(strips: list[Strip]) -> str:
    return "\n".join(strip.text for strip in strips)


def cell(strips: list[Strip], x: int, y: int) -> tuple[str, Style]:
    (segment,) = strips[y].crop(x, x + 1)
    assert segment.style is not None
    return segment.text, segment.style


def colour(style: Style) -> tuple[int, int, int] | None:
    return tuple(style.color.triplet) if style.color and style.color.triplet else None


class ScatterApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.moves: list[tuple[float, float]] = []

    def compose(self) -> ComposeResult:
        yield Scatter(message="no latents yet")

    def on_scatter_cursor_moved(self, message: Scatter.CursorMoved) -> None:
        self.moves.append((message.x, message.y))


@asynccontextmanager
async def shown(size: tuple[int, int] = (80, 24), **options: Any) -> Any:
    """A pilot and the widget, which shows digits."""
    app = ScatterApp()
    async with app.run_test(size=size) as pilot:
        scatter = app.query_one(Scatter)
        scatter.show(*digits(), **({"title": "latents"} | options))
        await pilot.pause()
        app.moves.clear()
        yield pilot, scatter


def lines(scatter: Scatter) -> list[Strip]:
    return [scatter.render_line(y) for y in range(scatter.size.height)]


def canvas_of(scatter: Scatter) -> Canvas:
    return lay_out(scatter.size.width, scatter.size.height, scatter.view)


def cursor_cell(scatter: Scatter) -> tuple[int, int]:
    """Where the crosshair is drawn, in cells of the canvas."""
    canvas = canvas_of(scatter)
    inside = [strip.text[canvas.left :] for strip in lines(scatter)[canvas.top : canvas.top + canvas.rows]]
    ((column, row),) = [
        (column, row) for row, line in enumerate(inside) for column, glyph in enumerate(line) if glyph in "┼+"
    ]
    return column, row


@contextmanager
def refreshed(scatter: Scatter, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Region]]:
    """The regions that are refreshed meanwhile; the whole widget stands as an empty region."""
    regions: list[Region] = []
    original = scatter.refresh

    def refresh(*dirty: Region, **options: bool) -> Scatter:
        regions.extend(dirty or [Region()])
        return original(*dirty, **options)

    with monkeypatch.context() as patch:
        patch.setattr(scatter, "refresh", refresh)
        yield regions


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_cell_belongs_to_the_class_with_most_points_whichever_comes_last(order: slice) -> None:
    canvas = lay_out(60, 20, UNIT)
    points = np.array(at(canvas, 7, 4, 3) + at(canvas, 7, 4, 2))[order]
    classes = np.array([6, 6, 6, 2, 2])[order]
    place = canvas.left + 7, canvas.top + 4
    glyph, style = cell(draw_points(points, classes, 60, 20, view=UNIT, markers="digits"), *place)
    assert (glyph, colour(style)) == ("6", CLASS_COLORS[6])
    # The label of the mean of class 6 stands there in dots mode: hide it by means elsewhere.
    spread = np.concatenate([points, [(-9.0, -9.0)] * 20])
    both = np.concatenate([classes, [2, 6] * 10])
    glyph, style = cell(draw_points(spread, both, 60, 20, view=UNIT, markers="dots"), *place)
    assert (glyph > "\u2800", colour(style)) == (True, CLASS_COLORS[6])


def test_every_dot_with_a_point_is_lit_in_its_place() -> None:
    far = [(-9.0, -9.0)]  # takes the label out of view
    for row in range(4):
        for column in range(2):
            point = (0.25 + column * 0.5, 1 - (row + 0.5) / 4)
            (strip,) = draw_points(np.array([point, *far]), np.array([0, 0]), 1, 1, view=UNIT)
            bit = [[0, 3], [1, 4], [2, 5], [6, 7]][row][column]
            assert ord(strip.text) == 0x2800 + (1 << bit)


def test_points_on_the_edges_of_the_view_are_drawn() -> None:
    corners = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
    strips = draw_points(corners, np.array([1, 2, 3, 4]), 19, 5, view=UNIT, markers="digits")
    assert [strips[1].text[0], strips[1].text[-1], strips[-1].text[0], strips[-1].text[-1]] == ["2", "4", "1", "3"]


def test_hidden_classes_are_neither_drawn_nor_counted() -> None:
    canvas = lay_out(60, 20, UNIT)
    points = np.array(at(canvas, 7, 4, 3) + at(canvas, 7, 4, 2) + at(canvas, 20, 9))
    classes = np.array([6, 6, 6, 2, 2, 6])
    strips = draw_points(points, classes, 60, 20, view=UNIT, markers="digits", hidden={6})
    assert cell(strips, canvas.left + 7, canvas.top + 4)[0] == "2"
    assert cell(strips, canvas.left + 20, canvas.top + 9)[0] == " "
    assert "6" not in text(strips[:1])
    assert "6" not in text(draw_points(points, classes, 60, 20, view=UNIT, markers="dots", hidden={6}))[60:]


def test_the_legend_shows_a_hidden_class_without_needing_colour() -> None:
    points, classes = digits(50)
    assert (
        draw_points(points, classes, 60, 20, title="latents", hidden={3})[0].text.rstrip()
        == "latents  0 1 2 · 4 5 6 7 8 9"
    )
    header = draw_points(points, classes, 60, 20, hidden={3}, depth=ColorDepth.ASCII)[0].text
    assert header.rstrip() == "0 1 2 . 4 5 6 7 8 9"


def test_the_legend_has_the_colours_of_the_points_and_room_before_the_title() -> None:
    points, classes = digits(50)
    strips = draw_points(points, classes, 60, 20)
    assert [colour(cell(strips, 2 * digit, 0)[1]) for digit in range(10)] == list(CLASS_COLORS)
    header = draw_points(points, classes, 40, 20, title="a title of more than 40 cells, which is too long")[0].text
    assert header.split()[-10:] == list("0123456789")
    assert header.startswith("a title")


def test_dots_have_the_digit_of_each_visible_class_at_its_mean() -> None:
    canvas = lay_out(60, 20, UNIT)
    points = np.array(at(canvas, 10, 3) + at(canvas, 14, 3) + at(canvas, 30, 12))
    strips = draw_points(points, np.array([4, 4, 8]), 60, 20, view=UNIT, markers="dots")
    for column, row, digit in ((12, 3, 4), (30, 12, 8)):
        glyph, style = cell(strips, canvas.left + column, canvas.top + row)
        assert (glyph, style.bold) == (str(digit), True)
        assert style.bgcolor and tuple(style.bgcolor.triplet or ()) == CLASS_COLORS[digit]
    assert "8" not in text(
        draw_points(points, np.array([4, 4, 8]), 60, 20, view=UNIT, markers="dots", hidden={8})[1:-2]
    )


def test_labels_that_meet_stand_side_by_side() -> None:
    canvas = lay_out(60, 20, UNIT)
    strips = draw_points(np.array(at(canvas, 10, 3, 3)), np.array([1, 5, 7]), 60, 20, view=UNIT, markers="dots")
    assert strips[canvas.top + 3].text[canvas.left + 10 :].startswith("157")


@pytest.mark.parametrize("markers", ["dots", "digits"])
def test_points_that_are_not_finite_are_left_out(markers: Markers) -> None:
    canvas = lay_out(60, 20, UNIT)
    bad = [(np.nan, 0.5), (0.5, np.inf), (-np.inf, np.nan), (1e200, 0.0)]
    points, classes = np.array([*at(canvas, 10, 3), *bad]), np.array([4, 7, 7, 7, 7])
    strips = draw_points(points, classes, 60, 20, view=UNIT, markers=markers)
    drawing = text([strip.crop(canvas.left) for strip in strips[1:-2]])
    assert set(drawing.split()) == {"4"}
    assert home_view(np.array([(1.0, 2.0), (3.0, 4.0), *bad])) == home_view(np.array([(1.0, 2.0), (3.0, 4.0)]))


def test_the_first_view_holds_all_points_but_far_outliers() -> None:
    points, _ = digits(5000)
    view = home_view(points)
    for values, (low, high) in ((points[:, 0], view.x), (points[:, 1], view.y)):
        assert low < values.min() < values.max() < high
        assert high - low < 1.2 * (values.max() - values.min())
    outliers = np.concatenate([points, [(1e6, -1e6)] * 3])
    assert home_view(outliers).x[1] < 10
    assert home_view(outliers).y[0] > -10


@pytest.mark.parametrize("value", [0.0, 5.0, -1e99, 1e-200, 1e9])
def test_one_point_is_in_the_middle_of_a_view_that_has_an_extent(value: float) -> None:
    view = home_view(np.full((3, 2), value))
    assert view.x[0] < value < view.x[1]
    assert view.center == pytest.approx((value, value))
    assert "0" in text(draw_points(np.full((3, 2), value), np.zeros(3, int), 60, 20)[1:-2])


def test_axes_have_numbers_in_their_places_and_labels() -> None:
    points, classes = digits(200)
    view = View((-4.3, 4.1), (-2.1, 2.2))
    strips = draw_points(points, classes, 80, 24, view=view, title="latents", x_label="latent 1", y_label="latent 2")
    canvas = lay_out(80, 24, view)
    assert strips[0].text.endswith("↑ latent 2")
    assert strips[-2].text.endswith("latent 1 →")
    rows = {float(strip.text.split()[0]): y for y, strip in enumerate(strips) if "┤" in strip.text}
    assert len(rows) >= 3
    assert all(canvas.cell_of(0, value)[1] + canvas.top == row for value, row in rows.items())
    ticks = [x for x, glyph in enumerate(strips[-2].text) if glyph == "┬"]
    assert ticks
    values = [float(number) for number in strips[-1].text.split()][: len(ticks)]
    assert [canvas.cell_of(value, 0)[0] + canvas.left for value in values] == ticks


@pytest.mark.parametrize(
    ("depth", "markers"),
    [
        (ColorDepth.TRUECOLOR, ("dots", "dots", "digits")),
        (ColorDepth.EIGHT_BIT, ("dots", "dots", "digits")),
        (ColorDepth.SIXTEEN, ("digits", "dots", "digits")),
        (ColorDepth.NONE, ("digits", "dots", "digits")),
        (ColorDepth.ASCII, ("digits", "digits", "digits")),
    ],
)
def test_markers_follow_the_colours_of_the_terminal_and_then_the_user(
    depth: ColorDepth, markers: tuple[str, str, str]
) -> None:
    assert (markers_for(None, depth), markers_for("dots", depth), markers_for("digits", depth)) == markers
    drawing = text(
        draw_points(*digits(200), 60, 20, title="t", x_label="x", y_label="y", cursor=(0, 0), depth=depth)[1:-2]
    )
    assert any("\u2800" <= glyph < "\u2900" for glyph in drawing) == (markers[0] == "dots")


def test_ascii_draws_nothing_but_ascii() -> None:
    drawing = draw_points(
        *digits(200), 60, 20, title="t", x_label="x", y_label="y", cursor=(0, 0), depth=ColorDepth.ASCII, markers="dots"
    )
    assert text(drawing).isascii()
    assert "^ y" in drawing[0].text
    assert "x >" in drawing[-2].text


def test_the_classes_keep_ten_colours_on_256_and_on_16_and_none_without() -> None:
    for depth, system in ((ColorDepth.EIGHT_BIT, ColorSystem.EIGHT_BIT), (ColorDepth.SIXTEEN, ColorSystem.STANDARD)):
        colors = [style.color for style in class_styles(depth)]
        numbers = [color.downgrade(system).number for color in colors if color]
        assert len(set(numbers)) == 10
    assert not {0, 7, 8, 15} & {color.downgrade(ColorSystem.STANDARD).number for color in colors if color}
    assert colour(class_styles(ColorDepth.SIXTEEN)[3]) == SIXTEEN_COLORS[3]
    assert len(set(CLASS_COLORS)) == len(set(SIXTEEN_COLORS)) == 10
    for depth in (ColorDepth.NONE, ColorDepth.ASCII):
        strips = draw_points(*digits(200), 60, 20, depth=depth, markers="dots", cursor=(0, 0))
        assert not any(segment.style and segment.style.color for strip in strips for segment in strip)


@pytest.mark.parametrize("depth", ColorDepth)
@pytest.mark.parametrize("markers", ["dots", "digits"])
def test_every_size_is_drawn_exactly_and_with_styles(depth: ColorDepth, markers: Markers) -> None:
    points, classes = digits(100)
    for data in ((points, classes), (np.empty((0, 2)), np.empty(0, int)), (points * 1e-7 + 1e9, classes)):
        for width in (0, 1, 2, 9, 19, 20, 21, 80):
            for height in (0, 1, 2, 3, 4, 5, 6, 24):
                view = home_view(data[0])
                strips = draw_points(
                    *data, width, height, title="latents", cursor=view.center, depth=depth, markers=markers
                )
                assert len(strips) == (height if width else 0)
                assert all(strip.cell_length == width == len(strip.text) for strip in strips)
                assert all(segment.style is not None for strip in strips for segment in strip)


def test_small_plots_have_no_frame() -> None:
    points, classes = digits(200)
    assert "│" not in text(draw_points(points, classes, 19, 24) + draw_points(points, classes, 80, 4))
    assert "│" in text(draw_points(points, classes, 20, 5))


def test_cells_and_values_are_each_others_inverse() -> None:
    for view in (UNIT, View((-3e-5, 2e-5), (7.0, 9e6)), View((1e9, 1e9 + 2), (-1e99, 1e99))):
        for width, height in ((80, 24), (21, 6), (3, 2), (1, 1)):
            canvas = lay_out(width, height, view)
            for column in range(canvas.columns):
                for row in range(canvas.rows):
                    assert canvas.cell_of(*canvas.center_of(column, row)) == (column, row)


def test_nearest_is_nearest_on_the_screen_not_in_values() -> None:
    points = np.array([(1.0, 0.0), (0.0, 2.0), (np.nan, 0.0)])
    everything = np.ones(3, bool)
    assert nearest(points, everything, 0, 0, (1, 1)) == 0
    assert nearest(points, everything, 0, 0, (10, 1)) == 1
    assert nearest(points, np.array([True, False, True]), 0, 0, (10, 1)) == 0
    assert nearest(points, np.array([False, False, True]), 0, 0, (1, 1)) is None


@pytest.mark.parametrize("shape", [(5, 3), (5,), (4, 2)])
def test_shapes_that_do_not_match_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError) as error:
        Scatter().show(np.zeros(shape), np.zeros(5, int))
    assert str(shape) in str(error.value)
    assert "(5,)" in str(error.value)
    with pytest.raises(ValueError, match=r"points are \(5, 2\) and classes \(\)"):
        Scatter().show(np.zeros((5, 2)))


@pytest.mark.parametrize("classes", [[0, 10], [-1, 3], [0.0, 0.5]])
def test_classes_that_are_not_digits_are_refused(classes: list[float]) -> None:
    with pytest.raises(ValueError, match="must be integers 0 to 9"):
        Scatter().show(np.zeros((2, 2)), np.array(classes))
    with pytest.raises(ValueError, match="class is 10, must be 0 to 9"):
        Scatter().switch_class(10)
    with pytest.raises(ValueError, match="factor is 0"):
        Scatter().zoom(0)


def test_only_the_newest_move_of_the_cursor_counts() -> None:
    assert Scatter.CursorMoved(0, 0).can_replace(Scatter.CursorMoved(1, 1))


async def test_the_cursor_moves_by_cells_and_says_where_it_is() -> None:
    async with shown() as (pilot, scatter):
        column, row = cursor_cell(scatter)
        wide, high = canvas_of(scatter).cell_size
        scatter.move_cursor(0, 0)  # into the middle of its cell
        x, y = scatter.cursor
        scatter.move_cursor(3, -2)
        await pilot.pause()
        assert cursor_cell(scatter) == (column + 3, row - 2)
        assert scatter.cursor == pytest.approx((x + 3 * wide, y + 2 * high))
        assert pilot.app.moves[-1] == scatter.cursor


async def test_at_the_edge_the_view_moves_with_the_cursor() -> None:
    async with shown() as (pilot, scatter):
        canvas, (left, right) = canvas_of(scatter), scatter.view.x
        scatter.place_cursor(*canvas.center_of(canvas.columns - 1, 5))
        assert scatter.view.x == (left, right)
        scatter.move_cursor(2, 0)
        await pilot.pause()
        assert scatter.view.x == pytest.approx((left + 2 * canvas.cell_size[0], right + 2 * canvas.cell_size[0]))
        assert cursor_cell(scatter) == (canvas_of(scatter).columns - 1, 5)
        scatter.move_cursor(0, -7)
        await pilot.pause()
        assert cursor_cell(scatter)[1] == 0
        assert scatter.view.y[1] == pytest.approx(home_view(digits()[0]).y[1] + 2 * canvas.cell_size[1])


async def test_the_points_cannot_be_lost() -> None:
    async with shown() as (_, scatter):
        home = scatter.view
        scatter.pan(10_000, -10_000)
        assert scatter.view.x[0] < home.x[1] + (home.x[1] - home.x[0])
        scatter.place_cursor(1e12, -1e12)
        assert scatter.view.x[0] <= scatter.cursor[0] <= scatter.view.x[1]
        scatter.reset_view()
        assert scatter.view == home


async def test_zoom_leaves_what_is_under_the_cursor_in_its_place() -> None:
    async with shown() as (pilot, scatter):
        scatter.move_cursor(13, 4)
        await pilot.pause()
        cursor, drawn, (left, right) = scatter.cursor, cursor_cell(scatter), scatter.view.x
        scatter.zoom(2)
        await pilot.pause()
        assert (scatter.cursor, cursor_cell(scatter)) == (cursor, drawn)
        assert scatter.view.x[1] - scatter.view.x[0] == pytest.approx((right - left) / 2)
        scatter.zoom(0.5)
        assert scatter.view.x == pytest.approx((left, right))


async def test_zoom_ends_where_numbers_do() -> None:
    async with shown() as (_, scatter):
        left, right = scatter.view.x
        scatter.zoom(1e30)
        assert scatter.view.x[1] - scatter.view.x[0] == pytest.approx((right - left) / 1000)
        scatter.zoom(1e-30)
        assert scatter.view.x[1] - scatter.view.x[0] == pytest.approx((right - left) * 10)


async def test_panning_keeps_the_cursor_at_its_point_until_it_meets_the_edge() -> None:
    async with shown() as (pilot, scatter):
        scatter.move_cursor(0, 0)
        cursor, (column, row) = scatter.cursor, cursor_cell(scatter)
        scatter.pan(3, 1)
        await pilot.pause()
        assert scatter.cursor == cursor
        assert cursor_cell(scatter) == (column - 3, row - 1)
        await pilot.pause()
        pilot.app.moves.clear()
        scatter.pan(column, 0)
        await pilot.pause()
        assert cursor_cell(scatter) == (0, row - 1)
        assert pilot.app.moves == [scatter.cursor]


async def test_newer_points_keep_the_view_the_cursor_and_the_hidden_classes_if_asked() -> None:
    async with shown() as (_, scatter):
        scatter.zoom(4)
        scatter.move_cursor(5, 5)
        scatter.switch_class(3)
        view, cursor = scatter.view, scatter.cursor
        scatter.show_message("encoding")
        scatter.show(*digits(seed=1), keep_view=True)
        assert (scatter.view, scatter.cursor, scatter.hidden) == (view, cursor, {3})
        scatter.show(*digits(seed=1))
        home = home_view(digits(seed=1)[0])
        assert (scatter.view, scatter.cursor, scatter.hidden) == (home, home.center, frozenset())


async def test_two_plots_may_begin_with_the_same_view() -> None:
    async with shown() as (_, scatter):
        home = View((-20.0, 20.0), (-10.0, 10.0))
        scatter.show(*digits(), home=home)
        scatter.zoom(2)
        scatter.reset_view()
        assert (scatter.view, scatter.cursor) == (home, (0, 0))


async def test_the_nearest_point_is_that_of_a_visible_class_as_seen() -> None:
    async with shown() as (_, scatter):
        # 20 wide and 1 high: a step of 1 to the right looks shorter than one of 1 upwards.
        points = np.array([(0.0, 0.0), (20.0, 1.0), (11.0, 0.5), (10.0, 0.7)])
        scatter.show(points, np.array([0, 1, 2, 3]))
        assert scatter.cursor == pytest.approx((10, 0.5))
        assert scatter.nearest() == 2
        scatter.switch_class(2)
        assert scatter.nearest() == 3
        for digit in (0, 1, 3):
            scatter.switch_class(digit)
        assert scatter.nearest() is None
        scatter.show_all_classes()
        assert scatter.nearest() == 2


async def test_a_cell_counts_twice_as_high_as_wide_for_the_nearest() -> None:
    async with shown() as (_, scatter):
        scatter.move_cursor(0, 0)
        (x, y), (wide, high) = scatter.cursor, canvas_of(scatter).cell_size
        corners = [(scatter.view.x[0], scatter.view.y[0]), (scatter.view.x[1], scatter.view.y[1])]
        beside_and_above = np.array([*corners, (x + 1.5 * wide, y), (x, y + high)])
        scatter.show(beside_and_above, np.zeros(4, int), keep_view=True)
        assert scatter.nearest() == 2


async def test_a_click_moves_the_cursor_and_a_drag_takes_it_along() -> None:
    async with shown() as (pilot, scatter):
        canvas = canvas_of(scatter)
        await pilot.click(Scatter, offset=(canvas.left + 11, canvas.top + 6))
        assert scatter.cursor == pytest.approx(canvas.center_of(11, 6))
        assert cursor_cell(scatter) == (11, 6)
        assert pilot.app.moves == [scatter.cursor]
        await pilot.hover(Scatter, offset=(canvas.left + 30, canvas.top + 9))
        assert cursor_cell(scatter) == (11, 6)
        await pilot.mouse_down(Scatter, offset=(canvas.left + 11, canvas.top + 6))
        await pilot.hover(Scatter, offset=(canvas.left + 30, canvas.top + 9))
        assert cursor_cell(scatter) == (30, 9)
        await pilot.hover(Scatter, offset=(0, canvas.top + 9))
        assert cursor_cell(scatter) == (0, 9)
        await pilot.mouse_up(Scatter, offset=(0, canvas.top + 9))
        await pilot.hover(Scatter, offset=(canvas.left + 30, canvas.top + 9))
        assert cursor_cell(scatter) == (0, 9)


async def test_a_click_on_the_axes_does_nothing() -> None:
    async with shown() as (pilot, scatter):
        before = text(lines(scatter))
        for offset in ((1, 5), (40, 23), (40, 22), (79, 0), (2, 0)):
            await pilot.click(Scatter, offset=offset)
        assert text(lines(scatter)) == before


async def test_a_click_in_the_legend_switches_a_class_off_and_on() -> None:
    async with shown() as (pilot, scatter):
        x = lines(scatter)[0].text.index("0 1 2")
        for digit in (0, 4, 9):
            await pilot.click(Scatter, offset=(x + 2 * digit, 0))
        assert scatter.hidden == {0, 4, 9}
        assert lines(scatter)[0].text.rstrip() == "latents  · 1 2 3 · 5 6 7 8 ·"
        await pilot.click(Scatter, offset=(x + 9, 0))  # the blank after a digit is easier to hit than to miss
        assert scatter.hidden == {0, 9}
        assert pilot.app.moves == []


async def test_markers_are_switched_to_and_fro() -> None:
    async with shown() as (pilot, scatter):
        dots = text(lines(scatter))
        assert scatter.cycle_markers() == "digits"
        await pilot.pause()
        assert not any("\u2800" <= glyph < "\u2900" for glyph in text(lines(scatter)))
        assert scatter.cycle_markers() == "dots"
        await pilot.pause()
        assert text(lines(scatter)) == dots


async def test_a_message_stands_in_the_place_of_points_and_nothing_moves() -> None:
    app = ScatterApp()
    async with app.run_test(size=(40, 11)) as pilot:
        scatter = app.query_one(Scatter)
        await pilot.pause()
        assert scatter.render_line(5).text == "no latents yet".center(40)
        scatter.show(*digits())
        scatter.show_message("no run")
        await pilot.pause()
        app.moves.clear()
        assert scatter.render_line(5).text == "no run".center(40)
        scatter.show(np.full((3, 2), np.nan), np.zeros(3, int), message="not a number")
        scatter.move_cursor(1, 1)
        scatter.zoom(2)
        scatter.pan(1, 1)
        scatter.reset_view()
        await pilot.click(Scatter, offset=(20, 5))
        await pilot.click(Scatter, offset=(4, 0))
        assert scatter.render_line(5).text == "not a number".center(40)
        assert (app.moves, scatter.hidden, scatter.nearest()) == ([], frozenset(), None)


async def test_a_move_of_the_cursor_draws_no_points_and_repaints_two_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown() as (pilot, scatter):
        column, row = cursor_cell(scatter)
        canvas = canvas_of(scatter)
        with monkeypatch.context() as patch, refreshed(scatter, monkeypatch) as regions:
            patch.setattr("tui.widgets.scatter.draw_points", None)
            scatter.move_cursor(1, 2)
        await pilot.pause()
        assert [(region.x, region.y, region.area) for region in regions] == [
            (canvas.left + column, canvas.top + row, 1),
            (canvas.left + column + 1, canvas.top + row + 2, 1),
        ]
        with refreshed(scatter, monkeypatch) as regions:
            scatter.show(*digits(), title="latents", keep_view=True)
        assert regions == []


async def test_points_given_before_the_first_paint_are_shown_and_later_changes_to_them_are_not() -> None:
    points, classes = digits()

    class Early(App[None]):
        def compose(self) -> ComposeResult:
            scatter = Scatter()
            scatter.show(points, classes, title="early")
            points[:] = np.nan
            yield scatter

    async with Early().run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        drawing = text(lines(pilot.app.query_one(Scatter)))
        assert drawing.startswith("early")
        assert sum("\u2800" < glyph < "\u2900" for glyph in drawing) > 50


ENVIRONMENTS = [{}, {"COLORTERM": ""}, {"COLORTERM": "", "TERM": "screen"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}]


@pytest.mark.parametrize("size", [(1, 1), (12, 3), (40, 12)])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
async def test_it_runs_at_any_size_and_colour_depth(
    size: tuple[int, int], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with shown(size) as (pilot, scatter):

        async def crosshair_is_seen(pilot: Pilot[None]) -> None:
            await pilot.pause()
            assert all(line.cell_length == size[0] for line in lines(scatter))
            assert all(segment.style is not None for line in lines(scatter) for segment in line)
            column, row = cursor_cell(scatter)
            canvas = canvas_of(scatter)
            assert cell(lines(scatter), canvas.left + column, canvas.top + row)[1].reverse

        await crosshair_is_seen(pilot)
        for action in (
            lambda: scatter.move_cursor(1, 1),
            lambda: scatter.cycle_markers(),
            lambda: scatter.zoom(3),
            lambda: scatter.pan(-1, 1),
            lambda: scatter.switch_class(0),
        ):
            action()
            await crosshair_is_seen(pilot)
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        assert lines(scatter)[0].cell_length == 30
