"""Axes have few, round and short ticks, and limits that hold every value."""

from __future__ import annotations

import pytest

from tui.drawing.axes import linear_ticks, log_ticks


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
