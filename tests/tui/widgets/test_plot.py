"""A plot repaints only the cells that changed, and draws again for a new size or theme."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from tests.support.drawing import loss_curves
from tests.tui.widgets.conftest import refreshed
from tui.drawing.plots.curves import Curve
from tui.widgets.plot import Plot, Shown

pytestmark = pytest.mark.usefixtures("truecolor")


class PlotApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Plot("loss")


async def test_the_same_curves_again_repaint_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(Shown(loss_curves(), x_range=(0, 100)))
        await pilot.pause()
        with refreshed(plot, monkeypatch) as regions:
            plot.show(Shown(loss_curves(), x_range=(0, 100)))
        assert regions == []


async def test_one_more_epoch_repaints_only_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        curves = loss_curves(60)
        cut = [Curve(c.label, c.x[c.x <= 50], c.y[c.x <= 50], c.color, c.style) for c in curves]
        plot.show(Shown(cut, x_range=(0, 100), scale="all"))
        await pilot.pause()
        before = [plot.render_line(y) for y in range(24)]
        with refreshed(plot, monkeypatch) as regions:
            plot.show(Shown(curves, x_range=(0, 100), scale="all"))
            await pilot.pause()
        changed = {y for y in range(24) if plot.render_line(y) != before[y]}
        assert changed == {region.y for region in regions}
        assert 1 <= len(changed) <= 3
        assert all(region.height == 1 and region.x > 30 and region.right < 60 for region in regions)


async def test_a_new_size_or_theme_draws_again() -> None:
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(Shown(loss_curves()))
        await pilot.pause()
        dark = plot.render_line(5)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        assert plot.render_line(5).text == dark.text
        assert plot.render_line(5) != dark
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert plot.render_line(0).cell_length == 60
        assert "40" in plot.render_line(11).text


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (40, 12), (80, 24)])
async def test_a_plot_runs_without_colour_at_any_size(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with PlotApp().run_test(size=size) as pilot:
        plot = pilot.app.query_one(Plot)
        await pilot.pause()
        plot.show(Shown(loss_curves()))
        await pilot.pause()
        lines = [plot.render_line(y) for y in range(size[1])]
        assert all(line.cell_length == size[0] for line in lines)
        curve_styles = {segment.style for line in lines for segment in line if "●" in segment.text}
        assert all(style and style.color == plot.rich_style.color for style in curve_styles)


async def test_a_dumb_terminal_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(Shown(loss_curves()))
        await pilot.pause()
        assert all(plot.render_line(y).text.isascii() for y in range(24))
