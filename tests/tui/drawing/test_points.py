"""A cell shows the class with most points in it, in a colour or as a digit."""

from __future__ import annotations

import numpy as np
import pytest
from rich.color import ColorSystem
from rich.style import Style

from tests.support.drawing import cell, clouds, color_of, text_of
from tui.drawing.points import (
    CLASS_COLORS,
    SIXTEEN_COLORS,
    Markers,
    class_styles,
    draw_points,
    markers_for,
    with_cursor,
)
from tui.drawing.view import Canvas, View, home_view, lay_out
from tui.formatting import CLASS_SIGNS
from tui.terminal.capabilities import ColorDepth

UNIT = View((0.0, 1.0), (0.0, 1.0))


def at(canvas: Canvas, column: int, row: int, count: int = 1) -> list[tuple[float, float]]:
    """Points in the middle of a cell."""
    return [canvas.center_of(column, row)] * count


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_cell_belongs_to_the_class_with_most_points_whichever_comes_last(order: slice) -> None:
    canvas = lay_out(60, 20, UNIT)
    points = np.array(at(canvas, 7, 4, 3) + at(canvas, 7, 4, 2))[order]
    classes = np.array([6, 6, 6, 2, 2])[order]
    place = canvas.left + 7, canvas.top + 4
    glyph, style = cell(draw_points(points, classes, 60, 20, view=UNIT, markers="digits"), *place)
    assert (glyph, color_of(style.color)) == ("6", CLASS_COLORS[6])
    # The label of the mean of class 6 stands there in dots mode: hide it by means elsewhere.
    spread = np.concatenate([points, [(-9.0, -9.0)] * 20])
    both = np.concatenate([classes, [2, 6] * 10])
    glyph, style = cell(draw_points(spread, both, 60, 20, view=UNIT, markers="dots"), *place)
    assert (glyph > "\u2800", color_of(style.color)) == (True, CLASS_COLORS[6])


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
    assert "6" not in text_of(strips[:1])
    assert "6" not in text_of(draw_points(points, classes, 60, 20, view=UNIT, markers="dots", hidden={6}))[60:]


def test_the_legend_shows_a_hidden_class_without_needing_colour() -> None:
    points, classes = clouds(50)
    assert (
        draw_points(points, classes, 60, 20, title="latents", hidden={3})[0].text.rstrip()
        == "latents  0 1 2 · 4 5 6 7 8 9"
    )
    header = draw_points(points, classes, 60, 20, hidden={3}, depth=ColorDepth.ASCII)[0].text
    assert header.rstrip() == "0 1 2 . 4 5 6 7 8 9"


def test_the_legend_has_the_colours_of_the_points_and_room_before_the_title() -> None:
    points, classes = clouds(50)
    strips = draw_points(points, classes, 60, 20)
    assert [color_of(cell(strips, 2 * digit, 0)[1].color) for digit in range(10)] == list(CLASS_COLORS)
    header = draw_points(points, classes, 40, 20, title="a title of more than 40 cells, which is too long")[0].text
    assert header.split()[-10:] == list("0123456789")
    assert header.startswith("a title")


def test_of_more_than_ten_classes_each_has_a_sign_and_a_colour_of_ten() -> None:
    canvas = lay_out(80, 20, UNIT)
    points = np.array(at(canvas, 7, 4, 3) + at(canvas, 7, 4, 2) + at(canvas, 20, 9))
    strips = draw_points(points, np.array([46, 46, 46, 2, 2, 10]), 80, 20, view=UNIT, title="classes", markers="digits")
    for column, row, sign, color in ((7, 4, "k", 6), (20, 9, "A", 0)):
        glyph, style = cell(strips, canvas.left + column, canvas.top + row)
        assert (glyph, color_of(style.color)) == (sign, CLASS_COLORS[color])
    assert strips[0].text.rstrip() == f"classes  {CLASS_SIGNS[:47]}" and strips[0].cell_length == 80
    apart = np.array(at(canvas, 7, 4) + at(canvas, 20, 9))
    dots = draw_points(apart, np.array([46, 10]), 80, 20, view=UNIT, markers="dots")
    assert [cell(dots, canvas.left + column, canvas.top + row)[0] for column, row in ((7, 4), (20, 9))] == ["k", "A"]


def test_dots_have_the_digit_of_each_visible_class_at_its_mean() -> None:
    canvas = lay_out(60, 20, UNIT)
    points = np.array(at(canvas, 10, 3) + at(canvas, 14, 3) + at(canvas, 30, 12))
    strips = draw_points(points, np.array([4, 4, 8]), 60, 20, view=UNIT, markers="dots")
    for column, row, digit in ((12, 3, 4), (30, 12, 8)):
        glyph, style = cell(strips, canvas.left + column, canvas.top + row)
        assert (glyph, style.bold) == (str(digit), True)
        assert color_of(style.bgcolor) == CLASS_COLORS[digit]
    assert "8" not in text_of(
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
    drawing = text_of([strip.crop(canvas.left) for strip in strips[1:-2]])
    assert set(drawing.split()) == {"4"}
    assert home_view(np.array([(1.0, 2.0), (3.0, 4.0), *bad])) == home_view(np.array([(1.0, 2.0), (3.0, 4.0)]))


@pytest.mark.parametrize("value", [0.0, 5.0, -1e99, 1e-200, 1e9])
def test_one_point_is_in_the_middle_of_a_view_that_has_an_extent(value: float) -> None:
    view = home_view(np.full((3, 2), value))
    assert view.x[0] < value < view.x[1]
    assert view.center == pytest.approx((value, value))
    assert "0" in text_of(draw_points(np.full((3, 2), value), np.zeros(3, int), 60, 20)[1:-2])


def test_axes_have_numbers_in_their_places_and_labels() -> None:
    points, classes = clouds(200)
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
    drawing = text_of(draw_points(*clouds(200), 60, 20, title="t", x_label="x", y_label="y", depth=depth)[1:-2])
    assert any("\u2800" <= glyph < "\u2900" for glyph in drawing) == (markers[0] == "dots")


def test_ascii_draws_nothing_but_ascii() -> None:
    drawing = draw_points(
        *clouds(200), 60, 20, title="t", x_label="x", y_label="y", depth=ColorDepth.ASCII, markers="dots"
    )
    assert text_of(drawing).isascii()
    assert "^ y" in drawing[0].text
    assert "x >" in drawing[-2].text


@pytest.mark.parametrize(
    ("depth", "system"),
    [
        (ColorDepth.TRUECOLOR, ColorSystem.TRUECOLOR),
        (ColorDepth.EIGHT_BIT, ColorSystem.EIGHT_BIT),
        (ColorDepth.SIXTEEN, ColorSystem.STANDARD),
    ],
)
def test_ten_classes_have_ten_colours(depth: ColorDepth, system: ColorSystem) -> None:
    colors = [style.color for style in class_styles(depth)]
    shown = [color.downgrade(system) for color in colors if color]
    assert len({(color.number, color.triplet) for color in shown}) == 10
    if depth is ColorDepth.SIXTEEN:  # neither black nor a grey
        assert not {0, 7, 8, 15} & {color.number for color in shown}
        assert color_of(colors[3]) == SIXTEEN_COLORS[3]


@pytest.mark.parametrize("depth", [ColorDepth.NONE, ColorDepth.ASCII])
def test_without_colours_the_classes_have_none(depth: ColorDepth) -> None:
    strips = draw_points(*clouds(200), 60, 20, depth=depth, markers="dots")
    assert not any(segment.style and segment.style.color for strip in strips for segment in strip)


@pytest.mark.parametrize("depth", ColorDepth)
@pytest.mark.parametrize("markers", ["dots", "digits"])
def test_every_size_is_drawn_exactly_and_with_styles(depth: ColorDepth, markers: Markers) -> None:
    points, classes = clouds(100)
    for data in ((points, classes), (np.empty((0, 2)), np.empty(0, int)), (points * 1e-7 + 1e9, classes)):
        view = home_view(data[0])
        for width in (0, 1, 2, 9, 19, 20, 21, 80):
            for height in (0, 1, 2, 3, 4, 5, 6, 24):
                strips = draw_points(data[0], data[1], width, height, title="latents", depth=depth, markers=markers)
                if strips:
                    strips = with_cursor(strips, lay_out(width, height, view), view.center, Style(), depth)
                assert len(strips) == (height if width else 0)
                assert all(strip.cell_length == width == len(strip.text) for strip in strips)
                assert all(segment.style is not None for strip in strips for segment in strip)


def test_small_plots_have_no_frame() -> None:
    points, classes = clouds(200)
    assert "│" not in text_of(draw_points(points, classes, 19, 24) + draw_points(points, classes, 80, 4))
    assert "│" in text_of(draw_points(points, classes, 20, 5))


@pytest.mark.parametrize(("count", "legend"), [(3, "classes  0 1 2"), (1, "classes  0"), (0, "no labels")])
def test_the_legend_has_the_classes_that_there_are(count: int, legend: str) -> None:
    points, labels = np.array([[0.5, 0.5], [0.2, 0.8], [0.8, 0.2]]), np.arange(3) % max(count, 1)
    for markers in ("dots", "digits"):
        strips = draw_points(
            points, labels, 60, 20, view=UNIT, title=legend.split("  ")[0], markers=markers, count=count
        )
        assert strips[0].text.rstrip() == legend
        canvas = lay_out(60, 20, UNIT)
        inside = "".join(strip.text[canvas.left :] for strip in strips[canvas.top : canvas.top + canvas.rows])
        assert {*inside} & {*"0123"} == {*map(str, range(count))}
