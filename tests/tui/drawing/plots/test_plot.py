"""A plot is readable from the first look: outliers are left out, validation buries nothing, the best is marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from textual.strip import Strip

from tests.support.drawing import BLUE, ORANGE, loss_curves, text_of
from tui.drawing.plots.curves import Curve, simplify
from tui.drawing.plots.plot import draw_curves, visible_extent
from tui.drawing.plots.raster import cut
from tui.drawing.plots.scales import SCALES, Scale, y_extent
from tui.terminal.capabilities import ColorDepth


def sixty_epochs() -> list[Curve]:
    """A loss as trainers write it: hundreds in the first steps, and then sixty epochs between 17 and 25."""
    x = np.linspace(0, 60, 4000)
    noise = np.random.default_rng(0).normal(0, 0.3, x.size)
    train = 17 + 8 * np.exp(-x / 15) + 320 * np.exp(-x / 0.2) + noise
    ends = np.arange(1.0, 61)
    validation = 17.2 + 8 * np.exp(-ends / 15)
    return [
        Curve("train", x, train, BLUE),
        Curve("validation", ends, validation, ORANGE, "marked", short="val", best=41, best_at="epoch 42"),
    ]


def draw(curves: Sequence[Curve], width: int, height: int, **options: Any) -> list[Strip]:
    return draw_curves(curves, width, height, **options).strips


def labels(strips: list[Strip]) -> list[float]:
    return [float(strip.text.split("┤")[0]) for strip in strips if "┤" in strip.text]


def test_outliers_are_left_out_and_it_is_said_how_far_they_go() -> None:
    strips = draw(sixty_epochs(), 80, 14, title="loss", x_range=(0, 60))
    assert max(labels(strips)) < 40
    drawn = {y for y, strip in enumerate(strips[1:-2]) if any("⠁" <= glyph <= "⣿" for glyph in strip.text)}
    assert len(drawn) >= 9
    highest = sixty_epochs()[0].y.max()
    assert f"↑ {highest:.4g}" in strips[1].text
    assert f"^ {highest:.4g}" in draw(sixty_epochs(), 80, 14, x_range=(0, 60), depth=ColorDepth.ASCII)[1].text


@pytest.mark.parametrize(
    ("scale", "low", "high"), [("robust", 15, 40), ("all", 15, 400), ("zero", 0, 40), ("log", 1.2, 2.6)]
)
def test_a_scale_says_which_part_of_y_is_seen(scale: Scale, low: float, high: float) -> None:
    seen = visible_extent(sixty_epochs(), (0, 60), scale)
    assert seen is not None
    assert low <= seen[0] < seen[1] <= high
    assert (seen[0] == 0) == (scale == "zero")


def test_what_is_near_the_rest_is_no_outlier() -> None:
    y = np.linspace(10, 20, 100)
    assert y_extent([y], "robust") == (10, 20)
    assert y_extent([np.array([300.0, 20.0, 19.0])], "robust") == (19, 300)  # too few to leave one out
    assert y_extent([np.array([1856.0, 300.0, 150.0, 110.0, 100.0, 93.0])], "robust") == (93, 300)  # a short run
    assert y_extent([], "robust") is None
    low, high = y_extent([np.append(y, [-1000.0, -900.0])], "robust") or (0, 0)
    assert (low > 0, high) == (True, 20)


def test_validation_is_a_line_with_sparse_marks_that_leaves_the_training_to_be_seen() -> None:
    strips = draw(sixty_epochs(), 80, 14, title="loss", x_range=(0, 60))
    marks = [x for strip in strips[1:-2] for x, glyph in enumerate(strip.text) if glyph == "●"]
    assert 5 <= len(marks) <= 9
    assert sorted(np.diff(sorted(marks)))[1] >= 9  # all but the last
    cells = {BLUE: 0, ORANGE: 0}
    for strip in strips[1:-2]:
        for segment in strip:
            if segment.style and segment.style.color and segment.style.color.triplet in cells:
                cells[segment.style.color.triplet] += len(segment.text.strip())
    assert cells[ORANGE] >= 60
    assert cells[BLUE] >= 60


def test_the_best_validation_is_marked_with_its_epoch() -> None:
    for depth, star in ((ColorDepth.TRUECOLOR, "★"), (ColorDepth.ASCII, "^")):
        strips = draw(sixty_epochs(), 80, 14, title="loss", x_range=(0, 60), depth=depth)
        assert f"{star} best 17.69 at epoch 42" in strips[0].text
        (row,) = [y for y, strip in enumerate(strips[2:-2], 2) if star in strip.text]
        column = strips[row].text.index(star)
        assert any("42" in strip.text[column - 3 : column + 4] for strip in strips[row - 1 : row + 2])
        assert abs(column - 5 - 42 / 60 * 74) < 2
    beyond = draw(sixty_epochs(), 80, 14, x_range=(0, 30))
    assert all("★" not in strip.text for strip in beyond[1:])


@pytest.mark.parametrize(("width", "height"), [(24, 7), (28, 8), (38, 7), (55, 11), (86, 11), (150, 40)])
@pytest.mark.parametrize("scale", SCALES)
def test_every_size_has_a_legend_and_three_ticks_on_every_axis(width: int, height: int, scale: Scale) -> None:
    for x_range in ((0.0, 60.0), (0.0, 0.75), (10.0, 37.5)):
        strips = draw(
            sixty_epochs(), width, height, title="KL divergence, nats", short_title="KL", x_range=x_range, scale=scale
        )
        assert strips[0].text.startswith("KL")
        assert "train" in strips[0].text
        assert "●" in strips[0].text
        assert len(labels(strips)) >= 3, text_of(strips)
        assert len(strips[-1].text.split()) >= 3, text_of(strips)


def test_a_range_that_is_given_is_shown_as_it_is() -> None:
    strips = draw(sixty_epochs(), 80, 20, x_range=(0, 60), y_range=(18, 20))
    assert min(labels(strips)) >= 18
    assert max(labels(strips)) <= 20
    logarithmic = draw(sixty_epochs(), 80, 20, x_range=(0, 60), y_range=(10, 100), scale="log")
    assert (min(labels(logarithmic)), max(labels(logarithmic))) == (10, 100)


def test_a_range_below_zero_has_nothing_on_a_logarithmic_scale() -> None:
    drawing = draw_curves(sixty_epochs(), 80, 20, y_range=(-5, -1), scale="log", message="nothing in this range")
    assert "nothing in this range" in text_of(drawing.strips)
    assert drawing.canvas is None


def test_a_line_that_goes_far_beyond_the_range_is_drawn_steep() -> None:
    x = np.linspace(0, 10, 60)
    curve = Curve("loss", x, 50 * np.exp(-x), BLUE)
    strips = draw([curve], 80, 20, x_range=(0, 10), y_range=(20, 20 + 1e-9))
    drawn = [re.search("[⠁-⣿]", strip.text.split("┤")[-1]) for strip in strips[1:-2]]
    assert all(drawn), text_of(strips)


def test_a_line_is_cut_where_it_crosses_the_bounds() -> None:
    x, y = cut(np.array([0.0, 1, 2, 4]), np.array([0.0, 100, 2, -8]), -3, 10)
    np.testing.assert_allclose(x, [0, 0.1, 1, 1 + 90 / 98, 2, 3, 4])
    np.testing.assert_allclose(y, [0, 10, 10, 10, 2, -3, -3])


def test_points_that_look_the_same_are_left_out_and_peaks_are_not() -> None:
    x = np.linspace(0, 80, 160)
    flat, _ = simplify(x, 0 * x, 0.5, 0.25)
    assert len(flat) < 100
    noise = np.random.default_rng(0).normal(0, 5, x.size)
    _, kept = simplify(x, noise, 0.5, 0.25)
    assert {noise.min(), noise.max()} <= set(kept)
    y = np.abs(x - 40)
    along, up = simplify(x, y, 0.5, 0.25)
    np.testing.assert_allclose(np.interp(x, along, up), y, atol=0.5)


def test_a_legend_takes_the_words_that_fit() -> None:
    wide, narrow = (draw(loss_curves(), width, 8, title="squared error", short_title="error") for width in (74, 30))
    assert wide[0].text.rstrip() == "squared error  ⠤⠤ train  ● validation"
    assert narrow[0].text.rstrip() == "error  ⠤⠤ train  ● validation"


def test_the_legend_has_the_values_at_the_cursor_and_no_line_more() -> None:
    for width, height in ((90, 14), (40, 9), (28, 8)):
        sizes = {"title": "KL divergence, nats", "short_title": "KL", "x_range": (0, 60)}
        before = draw(sixty_epochs(), width, height, **sizes)
        strips = draw(sixty_epochs(), width, height, cursor=30.2, **sizes)
        legend = " ".join(strip.text for strip in strips[: height // 8])
        train, validation = sixty_epochs()
        assert f"{train.y[np.abs(train.x - 30.2).argmin()]:.4g}" in legend
        assert f"{validation.y[29]:.4g}" in legend
        assert sum("│" in strip.text[8:] for strip in strips[1:-2]) >= 3
        assert [strip.text[:7] for strip in strips[1:]] == [strip.text[:7] for strip in before[1:]]
    assert "validation –" in draw([validation], 60, 10, cursor=90, x_range=(0, 100))[0].text
    assert draw(sixty_epochs(), 90, 14, cursor=70, x_range=(0, 60))[0].text


def test_the_nearest_point_is_found_at_the_ends_and_between() -> None:
    curve = Curve("a", np.array([0.0, 1.0, 3.0]), np.array([5.0, np.nan, 7.0]), BLUE)
    assert [curve.nearest(x) for x in (-1, 0, 0.4, 0.6, 2.1, 3.01, 4)] == [None, 0, 0, None, 2, 2, None]
    assert Curve("none", np.empty(0), np.empty(0), BLUE).nearest(0) is None


def test_the_canvas_of_a_drawing_says_which_value_a_cell_has() -> None:
    drawing = draw_curves(sixty_epochs(), 80, 14, title="loss", x_range=(0, 60))
    assert drawing.canvas is not None
    assert drawing.left + drawing.canvas.columns == 80
    assert drawing.top == 1
    assert drawing.canvas.x_at(0) == 0
    assert drawing.canvas.x_at(drawing.canvas.columns - 1) == 60
    assert drawing.canvas.column(drawing.canvas.x_at(17)) == 17


def test_a_long_series_is_drawn_where_its_points_are() -> None:
    x = np.linspace(0, 10, 5000)
    heights = []
    for step in (1, 100):  # many points, and few
        strips = draw([Curve("a", x[::step], np.sin(x[::step]), BLUE)], 80, 20, x_range=(0, 10))[1:-2]
        cells = np.array([[glyph >= "⠀" for glyph in strip.text[4:]] for strip in strips])
        heights.append((cells * np.arange(len(cells))[:, None]).sum(axis=0) / np.maximum(cells.sum(axis=0), 1))
    assert np.abs(heights[0] - heights[1])[:-2].max() <= 1
    assert {"▀", "▄"} & set(text_of(draw([Curve("b", x, 0 * x, BLUE), Curve("a", x, np.sin(x), BLUE)], 60, 12)))


def test_a_changed_learning_rate_is_a_line_with_its_value_that_covers_no_curve() -> None:
    train, validation = sixty_epochs()
    plain = draw([train, validation], 80, 14, x_range=(0, 60))
    for depth, line in ((ColorDepth.TRUECOLOR, "┊"), (ColorDepth.ASCII, ":")):
        changed = replace(train, changes=((30.0, "rate 0.001"), (30.5, "rate 0.002"), (90.0, "rate 0.5")))
        text = "\n".join(strip.text for strip in draw([changed, validation], 80, 14, x_range=(0, 60), depth=depth))
        assert "rate 0.001" in text
        assert "rate 0.002" in text
        assert "rate 0.5" not in text, "beyond what is seen"
        assert text.count(line) >= 6
    seen = [strip.text for strip in draw([changed, validation], 80, 14, x_range=(0, 60))]
    for before, after in zip(plain, seen, strict=True):
        assert all(new == old for old, new in zip(before.text, after, strict=True) if "⠁" <= old <= "⣿")
