"""Curves keep their extremes, differ in shape as well as in colour, and fill exactly the cells they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from rich.color import Color
from textual.strip import Strip

from tests.support.drawing import BLUE, ORANGE, loss_curves, text_of
from tui.drawing.plots import plot
from tui.drawing.plots.curves import Curve, Marker, decimate, markers
from tui.drawing.plots.scales import SCALES
from tui.drawing.plots.smoothing import Smoothing, exponential
from tui.terminal.capabilities import ColorDepth


def draw(curves: Sequence[Curve], width: int, height: int, **options: Any) -> list[Strip]:
    return plot.draw_curves(curves, width, height, **options).strips


def columns_of(strips: list[Strip], glyph: str) -> set[int]:
    return {x for strip in strips[1:-2] for x, character in enumerate(strip.text) if character == glyph}


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


def test_smoothing_is_exponential_without_bias_and_skips_what_is_missing() -> None:
    y = np.random.default_rng(0).normal(100, 1, 3000)
    expected, sums, weights = [], 0.0, 0.0
    for value in y:
        sums, weights = 0.9 * sums + value, 0.9 * weights + 1
        expected.append(sums / weights)
    np.testing.assert_allclose(exponential(y, 0.9), expected)
    gaps = np.insert(y, [0, 7, 7, 3000], np.nan)
    np.testing.assert_allclose(exponential(gaps, 0.9)[np.isfinite(gaps)], expected)
    assert np.isnan(exponential(gaps, 0.9)[0])
    assert exponential(y, 0.0) is y
    for weight in (-0.1, 1.0):
        with pytest.raises(ValueError, match="must be at least 0 and below 1"):
            exponential(y, weight)


@pytest.mark.parametrize("weight", [1e-3, 0.6, 0.998])
def test_a_long_series_is_smoothed_as_a_short_one(weight: float) -> None:
    y = np.random.default_rng(0).normal(1e6, 1, 40_000)
    expected, sums, weights = [], 0.0, 0.0
    for value in (y - 1e6).tolist():
        sums, weights = weight * sums + value, weight * weights + 1
        expected.append(sums / weights)
    np.testing.assert_allclose(exponential(y, weight) - 1e6, expected, rtol=0, atol=1e-7)
    assert np.isnan(exponential(np.append(y, np.nan), weight)[-1])


def test_a_series_that_grows_is_smoothed_from_where_it_was() -> None:
    whole = np.random.default_rng(0).normal(20, 1, (2, 30_000))
    smoothing = Smoothing(0.99)
    early = smoothing.of(whole[1, :20_000])
    before = early.copy()
    for end in (20_001, 25_000, 25_000, 30_000):
        np.testing.assert_allclose(smoothing.of(whole[1, :end]), exponential(whole[1, :end], 0.99), rtol=1e-12)
    assert (early == before).all()
    with patch("tui.drawing.plots.smoothing.exponential") as anew:
        smoothing.of(whole[1, :30_000])
        assert not anew.called
        smoothing.of(whole.copy()[1, :30_000])  # another file's, maybe
        assert anew.called
    shorter = Smoothing(0.99)
    for end in (10, 30_000, 500):  # the start is not settled yet; cut back
        np.testing.assert_allclose(shorter.of(whole[0, :end]), exponential(whole[0, :end], 0.99), rtol=1e-12)
    whole[0, 400] = np.nan
    assert np.isnan(shorter.of(whole[0, :20_000])[400])


def test_what_is_drawn_of_a_long_curve_is_looked_for_once() -> None:
    x = np.arange(50_000.0)
    curve = Curve("a", x, np.sin(x / 4000), BLUE, kept={})
    first = text_of(draw([curve], 60, 12, x_range=(0, 50_000)))
    with patch("tui.drawing.plots.plot.decimate") as anew:
        assert text_of(draw([curve], 60, 12, x_range=(0, 50_000), cursor=None)) == first
        assert not anew.called
    assert text_of(draw([curve], 60, 12, x_range=(0, 9_000))) != first
    for high in range(100):
        draw([curve], 20, 6, x_range=(0, 10_000.0 + high))
    assert curve.kept is not None
    assert len(curve.kept) <= 16


def test_a_plot_has_a_title_a_legend_and_ticks() -> None:
    strips = draw(loss_curves(), 74, 18, title="loss", x_range=(0, 40))
    assert [len(strips), *{strip.cell_length for strip in strips}] == [18, 74]
    assert strips[0].text.rstrip() == "loss  ⠤⠤ train  ● validation"
    assert strips[-1].text.split() == ["0", "10", "20", "30", "40"]
    assert strips[-2].text.endswith("epoch")
    assert [strip.text.split()[0] for strip in strips if "┤" in strip.text] == ["200", "150", "100", "50"]


def test_curves_differ_in_marker_as_well_as_in_colour() -> None:
    strips = draw(loss_curves(), 74, 18)
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
    strips = draw([spread, level], 60, 20, depth=ColorDepth.ASCII)
    (line,) = [strip.text for strip in strips[1:] if "**" in strip.text]
    assert line.split()[0] == "50"


def test_an_x_range_leaves_room_for_what_is_to_come_and_cuts_what_is_outside() -> None:
    strips = draw(loss_curves(40), 74, 18, x_range=(0, 80), depth=ColorDepth.ASCII)
    assert 35 <= max(columns_of(strips, "*")) <= 41
    strips = draw([Curve("late", np.array([100.0]), np.array([1.0]), BLUE)], 74, 18, x_range=(0, 80))
    assert "no steps yet" in text_of(strips)


def test_a_log_scale_leaves_out_zero_and_below() -> None:
    curve = Curve("loss", np.arange(5.0), np.array([0.0, -1.0, 10.0, 100.0, 1000.0]), BLUE, "points")
    strips = draw([curve], 60, 20, scale="log")
    assert text_of(strips[1:]).count("●") == 3
    rows = [y for y, strip in enumerate(strips[1:]) if "●" in strip.text]
    assert rows[2] - rows[1] == pytest.approx(rows[1] - rows[0], abs=1)
    assert "no steps yet" in text_of(draw([Curve("kl", np.ones(1), -np.ones(1), BLUE)], 60, 20, scale="log"))


def test_ascii_draws_nothing_but_ascii() -> None:
    for scale in SCALES:
        drawing = text_of(draw(loss_curves(), 74, 18, title="loss", depth=ColorDepth.ASCII, scale=scale))
        assert drawing.isascii()
        assert "** train  o validation" in drawing


def test_without_steps_the_frame_says_so_in_its_middle() -> None:
    strips = draw([], 60, 11, title="loss")
    (row,) = [y for y, strip in enumerate(strips) if "no steps yet" in strip.text]
    assert row == 4
    assert strips[row].text.index("no steps") == pytest.approx((60 - 12) / 2, abs=2)


@pytest.mark.parametrize("curves", [[], loss_curves(), [Curve("", np.empty(0), np.empty(0), "red")]])
def test_every_size_is_drawn_exactly(curves: list[Curve]) -> None:
    for width in (0, 1, 2, 5, 10, 19, 20, 21, 40, 80, 200):
        for height in (0, 1, 2, 3, 4, 5, 6, 24, 60):
            strips = draw(curves, width, height, title="loss")
            assert len(strips) == (height if width else 0)
            assert all(strip.cell_length == width for strip in strips)
            assert all(segment.style is not None for strip in strips for segment in strip)


def test_drawing_one_plot_leaves_the_next_as_it_was() -> None:
    first = text_of(draw(loss_curves(), 74, 18))
    draw(loss_curves(3), 30, 9, scale="log")
    assert text_of(draw(loss_curves(), 74, 18)) == first


def test_curves_look_alike_in_the_terminal_and_in_files() -> None:
    x = np.arange(3.0)
    curves = [Curve("a", x, x, BLUE, dim=True), *(Curve("b", x, x, BLUE) for _ in range(3))]
    curves += [Curve("c", x, x, BLUE, "points") for _ in range(4)]
    looks = markers(curves)
    for form in Marker._fields:
        assert len({getattr(look, form) for look in looks[1:]}) == 7, form
    assert len({(look.plotext, look.ascii) for look in looks}) == 8


def test_what_cannot_be_drawn_is_left_out_of_a_curve() -> None:
    y = np.array([np.nan, np.inf, -np.inf, 1e200, -1.0, 0.0, 1.0])
    curve = Curve("a", np.arange(7.0), y, BLUE)
    assert curve.visible()[1].tolist() == [-1, 0, 1]
    assert curve.visible(log_scale=True)[1].tolist() == [1]
    assert curve.visible((4.0, 5.0))[0].tolist() == [4, 5]
