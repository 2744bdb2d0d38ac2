"""The view follows the cursor, the points cannot be lost, and the mouse does what keys do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.pilot import Pilot
from textual.strip import Strip

from tests.support.drawing import cell, clouds, text_of
from tests.tui.widgets.conftest import refreshed
from tui.drawing.view import Canvas, View, home_view, lay_out
from tui.widgets.scatter import Scatter

pytestmark = pytest.mark.usefixtures("truecolor")


class ScatterApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.moves: list[tuple[float, float]] = []
        self.chosen = 0

    def compose(self) -> ComposeResult:
        yield Scatter(message="no latents yet")

    def on_scatter_cursor_moved(self, message: Scatter.CursorMoved) -> None:
        self.moves.append((message.x, message.y))

    def on_scatter_chosen(self) -> None:
        self.chosen += 1


@asynccontextmanager
async def shown(size: tuple[int, int] = (80, 24), **options: Any) -> Any:
    """A pilot and the widget, which shows digits."""
    app = ScatterApp()
    async with app.run_test(size=size) as pilot:
        scatter = app.query_one(Scatter)
        scatter.show(*clouds(), **({"title": "latents"} | options))
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


@pytest.mark.parametrize("shape", [(5, 3), (5,), (4, 2)])
def test_shapes_that_do_not_match_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError) as error:
        Scatter().show(np.zeros(shape), np.zeros(5, int))
    assert str(shape) in str(error.value)
    assert "(5,)" in str(error.value)
    with pytest.raises(ValueError, match=r"points are \(5, 2\) and classes \(\)"):
        Scatter().show(np.zeros((5, 2)))


@pytest.mark.parametrize("classes", [[0, 62], [-1, 3], [0.0, 0.5]])
def test_classes_that_have_no_sign_are_refused(classes: list[float]) -> None:
    with pytest.raises(ValueError, match="must be integers from 0"):
        Scatter().show(np.zeros((2, 2)), np.array(classes))
    with pytest.raises(ValueError, match="class is 10, must be 0 to 9"):
        Scatter().toggle_digit(10)
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
        assert scatter.view.y[1] == pytest.approx(home_view(clouds()[0]).y[1] + 2 * canvas.cell_size[1])


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
        scatter.toggle_digit(3)
        view, cursor = scatter.view, scatter.cursor
        scatter.show_message("encoding")
        scatter.show(*clouds(seed=1), keep_view=True)
        assert (scatter.view, scatter.cursor, scatter.hidden) == (view, cursor, {3})
        scatter.show(*clouds(seed=1))
        home = home_view(clouds(seed=1)[0])
        assert (scatter.view, scatter.cursor, scatter.hidden) == (home, home.center, frozenset())


async def test_two_plots_may_begin_with_the_same_view() -> None:
    async with shown() as (_, scatter):
        home = View((-20.0, 20.0), (-10.0, 10.0))
        scatter.show(*clouds(), home=home)
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
        scatter.toggle_digit(2)
        assert scatter.nearest() == 3
        for digit in (0, 1, 3):
            scatter.toggle_digit(digit)
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


async def test_a_click_moves_the_cursor_and_a_second_one_chooses_the_cell() -> None:
    async with shown() as (pilot, scatter):
        canvas = canvas_of(scatter)
        await pilot.click(Scatter, offset=(canvas.left + 11, canvas.top + 6))
        assert scatter.cursor == pytest.approx(canvas.center_of(11, 6))
        assert pilot.app.moves == [scatter.cursor]
        await pilot.hover(Scatter, offset=(canvas.left + 30, canvas.top + 9))
        assert cursor_cell(scatter) == (11, 6)
        assert pilot.app.chosen == 0
        await pilot.click(Scatter, offset=(canvas.left + 11, canvas.top + 6))
        assert pilot.app.chosen == 1
        await pilot.click(Scatter, offset=(canvas.left + 12, canvas.top + 6))
        assert pilot.app.chosen == 1


async def test_dragging_moves_the_points_under_the_pointer() -> None:
    async with shown() as (pilot, scatter):
        canvas, before = canvas_of(scatter), scatter.view
        await pilot.mouse_down(Scatter, offset=(canvas.left + 11, canvas.top + 6))
        held = scatter.cursor
        await pilot.hover(Scatter, offset=(canvas.left + 30, canvas.top + 9))
        assert canvas_of(scatter).cell_of(*held) == (30, 9)
        await pilot.mouse_up(Scatter, offset=(canvas.left + 30, canvas.top + 9))
        assert pilot.app.chosen == 0
        moved = scatter.view
        assert moved != before
        await pilot.hover(Scatter, offset=(canvas.left + 3, canvas.top + 2))
        assert scatter.view == moved


async def test_the_wheel_zooms_where_the_pointer_is() -> None:
    async with shown() as (pilot, scatter):
        canvas = canvas_of(scatter)
        at = canvas.center_of(20, 5)
        await pilot._post_mouse_events([MouseScrollUp], Scatter, (canvas.left + 20, canvas.top + 5), button=0)
        assert scatter.view.x[1] - scatter.view.x[0] == pytest.approx((canvas.view.x[1] - canvas.view.x[0]) / 1.5)
        assert canvas_of(scatter).cell_of(*at) == (20, 5)


async def test_a_click_on_the_axes_does_nothing() -> None:
    async with shown() as (pilot, scatter):
        before = text_of(lines(scatter))
        for offset in ((1, 5), (40, 23), (40, 22), (79, 0), (2, 0)):
            await pilot.click(Scatter, offset=offset)
        assert text_of(lines(scatter)) == before


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
        dots = text_of(lines(scatter))
        assert not scatter.next_markers()
        await pilot.pause()
        assert not any("\u2800" <= glyph < "\u2900" for glyph in text_of(lines(scatter)))
        assert scatter.next_markers()
        await pilot.pause()
        assert text_of(lines(scatter)) == dots


async def test_a_message_stands_in_the_place_of_points_and_nothing_moves() -> None:
    app = ScatterApp()
    async with app.run_test(size=(40, 11)) as pilot:
        scatter = app.query_one(Scatter)
        await pilot.pause()
        assert scatter.render_line(5).text == "no latents yet".center(40)
        scatter.show(*clouds())
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
            scatter.show(*clouds(), title="latents", keep_view=True)
        assert regions == []


async def test_points_given_before_the_first_paint_are_shown_and_later_changes_to_them_are_not() -> None:
    points, classes = clouds()

    class Early(App[None]):
        def compose(self) -> ComposeResult:
            scatter = Scatter()
            scatter.show(points, classes, title="early")
            points[:] = np.nan
            yield scatter

    async with Early().run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        drawing = text_of(lines(pilot.app.query_one(Scatter)))
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
        actions: list[Callable[[], object]] = [
            lambda: scatter.move_cursor(1, 1),
            lambda: scatter.next_markers(),
            lambda: scatter.zoom(3),
            lambda: scatter.pan(-1, 1),
            lambda: scatter.toggle_digit(0),
        ]
        for action in actions:
            action()
            await crosshair_is_seen(pilot)
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        assert lines(scatter)[0].cell_length == 30
