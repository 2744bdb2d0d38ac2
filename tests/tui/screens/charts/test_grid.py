"""Charts have one cursor and one range of x; keys, wheel and dragging move them, and 0 shows the whole again."""

from __future__ import annotations

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.widgets import Input

from core.runs.config import make_config
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, feed, press, screen_text, settle, shown
from tests.support.snapshots import RUN, make_snapshot, make_summary
from tui.app import VaeTui
from tui.messages import Snapshot
from tui.screens.charts.grid import ChartGrid
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.training import TrainingScreen
from tui.widgets.bars import TopBar
from tui.widgets.gallery import Gallery
from tui.widgets.plot import Plot


@pytest.fixture
def app(make_app: MakeApp) -> VaeTui:
    config = make_config(preset="vae").model_copy(update={"created": "2026-01-02T10:00:00+00:00"})
    return make_app(snapshot=make_snapshot(make_summary(config=config), distances=(9, 8)))


def plots(app: VaeTui) -> list[Plot]:
    return [plot for plot in app.screen.query(Plot) if plot.region]


async def test_the_cursor_reads_the_same_place_in_all_charts(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "left")
        last = screen_text(app)
        assert "epoch 2.50, step 1,172, 1 m 3 s" in last
        await press(pilot, "home", *["l"] * 20)
        (cursor,) = {plot.shown.cursor for plot in plots(app)}
        assert cursor is not None
        assert 0 < cursor < 1.2
        text = screen_text(app)
        raw = plots(app)[0].shown.curves[0]
        index = raw.nearest(cursor)
        assert f"train {raw.y[index]:.4g}  " in text
        await press(pilot, "m")
        assert f"smoothed 0.6 {plots(app)[0].shown.curves[1].y[index]:.4g}" in screen_text(app)
        await press(pilot, "G")
        assert plots(app)[2].shown.cursor == pytest.approx(1172 / 469)
        await press(pilot, "escape")
        assert {plot.shown.cursor for plot in plots(app)} == {None}
        assert isinstance(app.screen, TrainingScreen)
        await press(pilot, "escape")
        shown(app, RunsScreen)


async def test_the_cursor_stays_at_its_moment_on_another_axis(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "left", "left", "left")
        before = plots(app)[0].shown.cursor
        assert before is not None
        await press(pilot, "x")
        assert plots(app)[0].shown.cursor == pytest.approx(before * 469, abs=1)
        await press(pilot, "x", "x", "x")
        assert plots(app)[0].shown.cursor == pytest.approx(before, abs=0.01)


async def test_keys_zoom_and_pan_both_axes_and_type_ranges(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        loss = plots(app)[0]
        low, high = whole = loss.shown.x_range or (0, 0)
        await press(pilot, "plus", "plus")
        assert {plot.shown.x_range for plot in plots(app)} == {loss.shown.x_range}
        near, far = loss.shown.x_range or (0, 0)
        assert low < near < far < high
        await press(pilot, "H")
        assert (loss.shown.x_range or (0, 0))[0] < near
        await press(pilot, "j", "left_curly_bracket")
        kl = [plot for plot in plots(app) if plot.shown.is_focused]
        assert [plot.id for plot in kl] == ["loss"]
        assert loss.shown.y_range is not None
        before = loss.shown.y_range
        await press(pilot, "K")
        assert (loss.shown.y_range or (0, 0))[0] > before[0]
        await press(pilot, "number_sign")
        app.screen.query_one(Input).value = "x 1 2 y 30 90"
        await press(pilot, "enter")
        assert (loss.shown.x_range, loss.shown.y_range) == ((1, 2), (30, 90))
        assert plots(app)[1].shown.y_range is None
        await press(pilot, "number_sign")
        assert app.screen.query_one(Input).value == "x 1 2  y 30 90"
        app.screen.query_one(Input).value = "x 8 9"
        await press(pilot, "enter")
        assert "nothing in this range; 0 shows the whole" in screen_text(app)
        await press(pilot, "number_sign")
        app.screen.query_one(Input).value = "1:2, y 30-90"
        await press(pilot, "enter")
        await press(pilot, "minus", "minus", "minus", "minus")
        assert loss.shown.x_range == whole
        await press(pilot, "plus", "0")
        assert loss.shown.x_range == whole
        assert [plot.shown.y_range for plot in plots(app)] == [None] * 4


async def test_no_range_of_y_ends_the_app_on_a_logarithmic_scale(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        loss = plots(app)[0]
        await press(pilot, "y", "y", "y")
        assert loss.shown.scale == "log"
        for _ in range(25):
            await pilot._post_mouse_events([MouseScrollDown], loss, offset=(40, 5), button=0, control=True)
        await pilot.pause()
        assert loss.shown.y_range == pytest.approx((1e-150, 1e150))
        await drag(pilot, loss, (0, 2))
        await press(pilot, "number_sign")
        app.screen.query_one(Input).value = "y -5 -1"
        await press(pilot, "enter")
        assert "nothing in this range; 0 shows the whole" in screen_text(app)
        await press(pilot, "left_curly_bracket", "0")
        assert loss.canvas is not None


async def test_one_chart_is_enlarged_and_tab_goes_through_them(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown_at_first = [plot.id for plot in plots(app)]
        await press(pilot, "tab", "tab", "tab", "enter")
        assert [plot.id for plot in plots(app)] == ["kl"]
        assert plots(app)[0].size == (120, 38)  # all between the bars
        assert app.screen.query_one(Gallery).region.height == 0
        await press(pilot, "tab")
        assert [plot.id for plot in plots(app)] == ["frechet"]
        await press(pilot, "enter")
        assert [plot.id for plot in plots(app)] == shown_at_first


async def drag(pilot: Pilot[None], plot: Plot, by: tuple[int, int]) -> None:
    await pilot.mouse_down(plot, offset=(40, 5))
    await pilot.hover(plot, offset=(40 + by[0], 5 + by[1]))
    await pilot.mouse_up(plot, offset=(40 + by[0], 5 + by[1]))
    await pilot.pause()


async def test_the_mouse_points_zooms_and_drags(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        loss = plots(app)[0]
        await pilot.hover(loss, offset=(40, 5))
        await pilot.pause()
        assert loss.canvas is not None
        at = loss.canvas.x_at(40 - loss.drawing.left)
        assert {plot.shown.cursor for plot in plots(app)} == {at}
        await pilot._post_mouse_events([MouseScrollUp], loss, offset=(40, 5), button=0)
        await pilot.pause()
        low, _ = loss.shown.x_range or (0, 0)
        assert loss.canvas.column(at) == pytest.approx(40 - loss.drawing.left, abs=1)
        await drag(pilot, loss, (10, 0))
        assert (loss.shown.x_range or (0, 0))[0] < low
        assert loss.shown.y_range is None
        await drag(pilot, loss, (0, 2))
        assert loss.shown.y_range is not None
        await pilot.hover(TopBar)
        await pilot.pause()
        assert loss.shown.cursor is None


async def test_a_cursor_outlives_news_and_not_another_run(app: VaeTui) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        grid = app.screen.query_one(ChartGrid)
        await press(pilot, "home", "plus")
        grid.show([make_snapshot(steps=50)])
        await pilot.pause()
        assert plots(app)[0].shown.cursor is not None
        grid.show([make_snapshot(make_summary("other"))])
        await pilot.pause()
        assert plots(app)[0].shown.cursor is None


async def test_nothing_is_said_of_steps_before_anything_was_read(make_app: MakeApp) -> None:
    reader: HandFed[Snapshot] = HandFed()
    app = make_app(snapshots=lambda run: reader)
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = RUN
        await press(pilot, "2")
        assert "no steps yet" not in screen_text(app)
        await feed(pilot, reader, make_snapshot(steps=0))
        assert "no steps yet" in screen_text(app)
