"""Zooming and panning stay within the whole, and typed ranges are understood or refused in one line."""

from __future__ import annotations

import pytest

from tui.drawing.plots.axes import time_ticks, values_of
from tui.screens.charts.window import Window, panned, parse_ranges, zoomed

WHOLE = (0.0, 100.0)


def test_zooming_keeps_the_value_it_is_about_and_ends_at_the_whole() -> None:
    near = Window().zoom_x(0.5, 20.0, WHOLE, WHOLE)
    assert near.x == (10, 60)
    assert near.zoom_x(4.0, 20.0, (10, 60), WHOLE).x is None
    assert Window().zoom_x(0.5, 100.0, WHOLE, WHOLE).x == (50, 100)
    assert near.zoom_x(1e-9, 20.0, (10, 60), WHOLE) == near  # nothing to see any more


def test_panning_stops_at_the_ends() -> None:
    assert Window().pan_x(0.5, (10, 30), WHOLE).x == (20, 40)
    assert Window().pan_x(-5, (10, 30), WHOLE).x == (0, 20)
    assert Window().pan_x(5, (10, 30), WHOLE).x == (80, 100)
    assert panned((1, 3), 0.5) == (2, 4)
    assert zoomed((1, 3), 0.5) == (1.5, 2.5)
    assert zoomed((2, 2), 0.5) == (2, 2)


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("10 20", {"x": (10, 20)}),
        ("x 20..10", {"x": (10, 20)}),
        ("y 1e-3 to .5", {"y": (0.001, 0.5)}),
        (" x 1, 2 y -3 4 ", {"x": (1, 2), "y": (-3, 4)}),
        ("10-20", {"x": (10, 20)}),
        ("10 - 20", {"x": (10, 20)}),
        ("10 -20", {"x": (-20, 10)}),
        ("10,20; y 1e-3-5", {"x": (10, 20), "y": (0.001, 5)}),
        ("x=10:20, y: 3–4", {"x": (10, 20), "y": (3, 4)}),
        ("", {}),
    ],
)
def test_typed_ranges_are_understood(text: str, ranges: dict[str, tuple[float, float]]) -> None:
    assert parse_ranges(text) == ranges


@pytest.mark.parametrize("text", ["10", "z 1 2", "x 5 5", "1 2 3", "nan inf"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"10 20 \(or|is empty"):
        parse_ranges(text)


@pytest.mark.parametrize("text", ["0 1e400", "y -1e308 1e308", "y 0 1e151", "1 1.0000000000000001e0 y 0 1e-310"])
def test_what_no_axis_can_show_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"too large or too small|is empty"):
        parse_ranges(text)


def test_y_is_not_zoomed_further_than_an_axis_can_show() -> None:
    for factor in (0.5, 2.0):
        window = Window().with_y("loss", (1.0, 2.0))
        for _ in range(2000):
            window = window.with_y("loss", zoomed(window.y["loss"], factor))
        low, high = window.y["loss"]
        assert 1e-12 < high - low < 1e151
    assert values_of((-400, 400)) == pytest.approx((1e-150, 1e150))


def test_ticks_of_time_are_round() -> None:
    assert list(time_ticks(0, 7400, 5, "duration").values()) == ["0", "30m", "1h", "1h 30m", "2h"]
    assert list(time_ticks(0, 100, 5, "duration").values()) == ["0", "30s", "1m", "1m 30s"]
    clock = list(time_ticks(1_700_000_000, 1_700_003_600, 4, "clock").values())
    assert all(label[-2:] in ("00", "15", "30", "45") and label[2] == ":" for label in clock)
    assert len(clock) >= 3
    assert len(time_ticks(0, 1e9, 4, "duration")) >= 3
    assert time_ticks(1e13, 1e13 + 3600, 4, "clock"), "beyond the calendar"
