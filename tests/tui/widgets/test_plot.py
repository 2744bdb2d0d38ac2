"""Curves keep their extremes, frames keep their form, and a redraw repaints only what changed."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from rich.color import Color
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from tui.drawing.axes import linear_ticks, log_ticks
from tui.drawing.curves import Curve, decimate, draw_curves, moving_average
from tui.terminal.capabilities import ColorDepth
from tui.widgets.plot import Plot

BLUE, ORANGE = (90, 170, 250), (250, 180, 60)


def loss_curves(epochs: int = 40, *, points: int = 240) -> list[Curve]:
    x = np.linspace(0, epochs, points)
    ends = np.arange(1.0, epochs + 1)
    return [
        Curve("train", x, 30 + 170 * np.exp(-x / 6), BLUE),
        Curve("validation", ends, 34 + 170 * np.exp(-ends / 6), ORANGE, "points"),
    ]


def text(strips: list[Strip]) -> str:
    return "\n".join(strip.text for strip in strips)


def columns_of(strips: list[Strip], glyph: str) -> set[int]:
    return {x for strip in strips[1:-2] for x, character in enumerate(strip.text) if character == glyph}


class PlotApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Plot("loss")


@contextmanager
def refreshed(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Region]]:
    """The regions that are refreshed meanwhile; the whole widget stands as an empty region."""
    regions: list[Region] = []
    original = plot.refresh

    def refresh(*dirty: Region, **options: bool) -> Plot:
        regions.extend(dirty or [Region()])
        return original(*dirty, **options)

    with monkeypatch.context() as patch:
        patch.setattr(plot, "refresh", refresh)
        yield regions


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("LC_ALL", raising=False)


def test_decimation_keeps_the_extremes_in_order_of_time() -> None:
    y = np.random.default_rng(0).normal(size=1_000_000)
    y[123_456], y[765_432] = 50, -50
    x = np.arange(len(y), dtype=float)
    kept_x, kept_y = decimate(x, y, 70)
    assert len(kept_x) == len(kept_y) <= 140
    assert (kept_y.max(), kept_y.min()) == (50, -50)
    assert kept_x[kept_y.argmax()] == 123_456
    assert (np.diff(kept_x) > 0).all()


def test_decimation_keeps_the_extremes_of_every_column() -> None:
    y = np.random.default_rng(1).normal(size=10_000)
    _, kept = decimate(np.arange(10_000.0), y, 100)
    for column in range(100):
        part = y[column * 100 + 1 : (column + 1) * 100 - 1]
        assert part.max() in kept or kept.max() >= part.max()
    assert set(kept) <= set(y)


def test_decimation_returns_a_short_series_as_it_is_and_drops_what_is_not_finite() -> None:
    x, y = np.arange(4.0), np.array([1.0, np.nan, np.inf, 2.0])
    assert decimate(x, y, 10)[0].tolist() == [0, 3]
    assert decimate(x, x, 10)[1] is x


def test_decimation_of_one_moment_keeps_its_extremes() -> None:
    y = np.arange(100.0)
    assert decimate(np.ones(100), y, 10)[1].tolist() == [0, 99]


def test_moving_average_is_the_mean_of_the_last_values_and_skips_missing_ones() -> None:
    y = np.array([np.nan, 1, 2, np.nan, 6, 7])
    expected = [np.nan, 1, 1.5, 1.5, 4, 6.5]
    np.testing.assert_allclose(moving_average(y, 3), expected)
    with pytest.raises(ValueError, match="window is 0"):
        moving_average(y, 0)


def test_ticks_are_few_round_and_short() -> None:
    assert list(linear_ticks(30, 201, 4)[1].values()) == ["50", "100", "150", "200"]
    assert list(linear_ticks(0.1, 0.35, 3)[1].values()) == ["0.1", "0.2", "0.3"]
    assert list(linear_ticks(1e6, 1.2e6, 2)[1].values()) == ["1.0e6", "1.1e6", "1.2e6"]
    assert list(log_ticks(1, 2.5, 3)[1].values()) == ["10", "20", "50", "100", "200", "500"]
    assert list(log_ticks(-3, 3, 3)[1].values()) == ["0.001", "1", "1000"]


@pytest.mark.parametrize("limits", [(5, 5), (0, 0), (-1e300, 1e300), (0, 5e-324), (1e9, 1e9 + 1e-7)])
def test_limits_hold_any_values(limits: tuple[float, float]) -> None:
    (low, high), ticks = linear_ticks(*limits, 4)
    assert low <= limits[0] <= limits[1] <= high
    assert low < high
    assert ticks


def test_a_plot_has_a_title_a_legend_and_ticks() -> None:
    strips = draw_curves(loss_curves(), 74, 18, title="loss", x_range=(0, 40))
    assert [len(strips), *{strip.cell_length for strip in strips}] == [18, 74]
    assert strips[0].text.rstrip() == "loss  ⠤⠤ train  ● validation"
    assert strips[-1].text.split() == ["0", "10", "20", "30", "40"]
    assert strips[-2].text.endswith("epoch")
    assert [strip.text.split()[0] for strip in strips if "┤" in strip.text] == ["200", "150", "100", "50"]


def test_curves_differ_in_marker_as_well_as_in_colour() -> None:
    strips = draw_curves(loss_curves(), 74, 18)
    colors = {
        segment.text.strip()[0]: segment.style.color.triplet
        for segment in strips[0]
        if segment.style and segment.style.color and segment.text.strip()
    }
    assert colors == {"⠤": BLUE, "●": ORANGE}
    points = [segment for strip in strips[1:] for segment in strip if "●" in segment.text]
    assert sum(segment.text.count("●") for segment in points) >= 30
    assert {segment.style.color for segment in points if segment.style} == {Color.from_rgb(*ORANGE)}


def test_a_tick_stands_in_the_line_of_its_value() -> None:
    level = Curve("level", np.arange(10.0), np.full(10, 50.0), BLUE)
    spread = Curve("spread", np.array([0.0, 1.0]), np.array([0.0, 200.0]), BLUE, "points")
    strips = draw_curves([spread, level], 60, 20, depth=ColorDepth.ASCII)
    (line,) = [strip.text for strip in strips[1:] if "**" in strip.text]
    assert line.split()[0] == "50"


def test_an_x_range_leaves_room_for_what_is_to_come_and_cuts_what_is_outside() -> None:
    strips = draw_curves(loss_curves(40), 74, 18, x_range=(0, 80), depth=ColorDepth.ASCII)
    assert 35 <= max(columns_of(strips, "*")) <= 41
    strips = draw_curves([Curve("late", np.array([100.0]), np.array([1.0]), BLUE)], 74, 18, x_range=(0, 80))
    assert "no steps yet" in text(strips)


def test_a_log_scale_leaves_out_zero_and_below() -> None:
    curve = Curve("loss", np.arange(5.0), np.array([0.0, -1.0, 10.0, 100.0, 1000.0]), BLUE, "points")
    strips = draw_curves([curve], 60, 20, log_scale=True)
    assert text(strips[1:]).count("●") == 3
    rows = [y for y, strip in enumerate(strips[1:]) if "●" in strip.text]
    assert rows[2] - rows[1] == pytest.approx(rows[1] - rows[0], abs=1)
    assert "no steps yet" in text(draw_curves([Curve("kl", np.ones(1), -np.ones(1), BLUE)], 60, 20, log_scale=True))


def test_ascii_draws_nothing_but_ascii() -> None:
    for log_scale in (False, True):
        drawing = text(draw_curves(loss_curves(), 74, 18, title="loss", depth=ColorDepth.ASCII, log_scale=log_scale))
        assert drawing.isascii()
        assert "** train  o validation" in drawing


def test_without_steps_the_frame_says_so_in_its_middle() -> None:
    strips = draw_curves([], 60, 11, title="loss")
    (row,) = [y for y, strip in enumerate(strips) if "no steps yet" in strip.text]
    assert row == 4
    assert strips[row].text.index("no steps") == pytest.approx((60 - 12) / 2, abs=2)


@pytest.mark.parametrize("curves", [[], loss_curves(), [Curve("", np.empty(0), np.empty(0), "red")]])
def test_every_size_is_drawn_exactly(curves: list[Curve]) -> None:
    for width in (0, 1, 2, 5, 10, 19, 20, 21, 40, 80, 200):
        for height in (0, 1, 2, 3, 4, 5, 6, 24, 60):
            strips = draw_curves(curves, width, height, title="loss")
            assert len(strips) == (height if width else 0)
            assert all(strip.cell_length == width for strip in strips)
            assert all(segment.style is not None for strip in strips for segment in strip)


def test_drawing_one_plot_leaves_the_next_as_it_was() -> None:
    first = text(draw_curves(loss_curves(), 74, 18))
    draw_curves(loss_curves(3), 30, 9, log_scale=True)
    assert text(draw_curves(loss_curves(), 74, 18)) == first


async def test_the_same_curves_again_repaint_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(loss_curves(), x_range=(0, 100))
        await pilot.pause()
        with refreshed(plot, monkeypatch) as regions:
            plot.show(loss_curves(), x_range=(0, 100))
        assert regions == []


async def test_one_more_epoch_repaints_only_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        curves = loss_curves(60)
        cut = [Curve(c.label, c.x[c.x <= 50], c.y[c.x <= 50], c.color, c.style) for c in curves]
        plot.show(cut, x_range=(0, 100))
        await pilot.pause()
        before = [plot.render_line(y) for y in range(24)]
        with refreshed(plot, monkeypatch) as regions:
            plot.show(curves, x_range=(0, 100))
            await pilot.pause()
        changed = {y for y in range(24) if plot.render_line(y) != before[y]}
        assert changed == {region.y for region in regions}
        assert 1 <= len(changed) <= 3
        assert all(region.height == 1 and region.x > 30 and region.right < 60 for region in regions)


async def test_a_new_size_or_theme_draws_again() -> None:
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(loss_curves())
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
        plot.show(loss_curves())
        await pilot.pause()
        lines = [plot.render_line(y) for y in range(size[1])]
        assert all(line.cell_length == size[0] for line in lines)
        curve_styles = {segment.style for line in lines for segment in line if "●" in segment.text}
        assert all(style and style.color == plot.rich_style.color for style in curve_styles)


async def test_a_dumb_terminal_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    async with PlotApp().run_test(size=(80, 24)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(loss_curves())
        await pilot.pause()
        assert all(plot.render_line(y).text.isascii() for y in range(24))
