"""Axes have few, round and short ticks, and limits that hold every value."""

from __future__ import annotations

import pytest

from tui.drawing.plots.axes import linear_ticks, log_ticks, place, ticks_within, x_ticks, y_axis


def test_ticks_are_few_round_and_short() -> None:
    assert list(linear_ticks(30, 201, 4)[1].values()) == ["50", "100", "150", "200"]
    assert list(linear_ticks(0.1, 0.35, 3)[1].values()) == ["0.1", "0.2", "0.3"]
    assert list(linear_ticks(1e6, 1.2e6, 2)[1].values()) == ["1.0e6", "1.1e6", "1.2e6"]
    assert list(log_ticks(1, 2.5, 3)[1].values()) == ["10", "20", "50", "100", "200", "500"]
    assert list(log_ticks(-3, 3, 3)[1].values()) == ["0.001", "1", "1000"]


@pytest.mark.parametrize("limits", [(5, 5), (0, 0), (-1e300, 1e300), (0, 5e-324), (1e9, 1e9 + 1e-7)])
def test_limits_hold_any_values(limits: tuple[float, float]) -> None:
    (low, high), ticks = linear_ticks(*limits, 4)
    assert low - 1e-9 <= limits[0] <= limits[1] <= high + 1e-9
    assert low < high
    assert ticks


@pytest.mark.parametrize(
    ("limits", "labels"),
    [
        ((-0.0705056, -0.0705046), ["-0.0705055", "-0.0705050"]),
        ((-0.07051, -0.07049), ["-0.07051", "-0.07050", "-0.07049"]),
        ((2.00001e-4, 2.00003e-4), ["2.00001e-4", "2.00002e-4", "2.00003e-4"]),
        ((1e9, 1e9 + 50), ["1.000000e9"]),  # float32 hardly tells them apart
    ],
)
def test_labels_have_the_digits_that_tell_them_apart_or_there_are_fewer(
    limits: tuple[float, float], labels: list[str]
) -> None:
    assert list(ticks_within(*limits, 3).values()) == labels


@pytest.mark.parametrize("rows", [3, 4, 6, 30])
@pytest.mark.parametrize("limits", [(5, 5), (0, 1), (16.9, 25.3), (-3, 1e6), (99.9999, 100)])
def test_three_ticks_stand_in_rows_of_their_own(limits: tuple[float, float], rows: int) -> None:
    (low, high), ticks = y_axis(*limits, rows)
    assert low - 1e-9 <= limits[0] <= limits[1] <= high + 1e-9
    assert len(place(ticks, high, low, rows)) >= 3
    logarithmic, ticks = y_axis(1.23, 1.4, rows, log_scale=True)
    assert len(place(ticks, logarithmic[1], logarithmic[0], rows)) >= 3


@pytest.mark.parametrize("limits", [(0, 60), (0, 0.0625), (12.5, 13), (0, 400), (0, 187_600)])
def test_three_labels_fit_along_a_narrow_plot(limits: tuple[float, float]) -> None:
    ticks = x_ticks(*limits, 24)
    assert len(ticks) >= 3
    assert sum(len(label) + 1 for label in ticks.values()) <= 26
