"""Which curves a snapshot holds, how they are smoothed, and which part of the run is shown."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.snapshots import make_snapshot, make_summary
from tui import series
from tui.drawing.plots.scales import SCALES
from tui.series import SMOOTHING_WINDOWS, VISIBLE_FRACTIONS, Axis, CurveOptions


def test_training_is_a_line_and_validation_one_with_marks() -> None:
    train, validation = series.loss_curves(make_snapshot(), "loss", 1)
    assert (train.label, train.style, train.dim) == ("train", "line", False)
    assert (validation.label, validation.style, validation.best) == ("validation", "marked", 1)
    assert validation.x.tolist() == [1, 2]  # epochs
    assert validation.y.tolist() == [60, 40.5]


def test_a_smoothed_curve_stands_before_the_raw_one() -> None:
    raw, smooth, _ = series.loss_curves(make_snapshot(), "loss", 10)
    assert raw.dim
    assert smooth.label == "mean of 10"
    assert smooth.y[-1] == pytest.approx(raw.y[-10:].mean())


def test_the_distance_of_samples_is_shown_where_it_was_measured() -> None:
    assert series.frechet_curve(make_snapshot(distances=(np.nan, 7.5))).y.tolist() == [7.5]
    assert not len(series.frechet_curve(make_snapshot()).x)


def test_two_runs_differ_in_colour_and_have_their_names() -> None:
    curves = series.compared_curves([make_snapshot(), make_snapshot(make_summary("other"))], "kl", 10)
    assert [curve.label for curve in curves] == ["vae-mnist", "other", "vae-mnist validation", "other validation"]
    assert [curve.color for curve in curves] == [*series.COMPARED_COLORS] * 2


def test_keys_go_round_the_windows_and_stop_at_the_ends_of_the_ranges() -> None:
    options = CurveOptions()
    windows = [options := options.next_window() for _ in SMOOTHING_WINDOWS]
    assert [each.window for each in windows] == [*SMOOTHING_WINDOWS[1:], SMOOTHING_WINDOWS[0]]
    assert options.narrower(-1).fraction == 1
    for _ in range(99):
        options = options.narrower(1)
    assert options.fraction == VISIBLE_FRACTIONS[-1]
    scales = [options := options.next_scale() for _ in SCALES]
    assert [each.scale for each in scales] == ["all", "zero", "log", "robust"]


@pytest.mark.parametrize("end", [0.0, 0.01, 1.0, 9.99, 400.0, 1e9])
@pytest.mark.parametrize("fraction", VISIBLE_FRACTIONS)
def test_a_range_holds_its_fraction_of_the_run_and_keeps_while_it_grows(end: float, fraction: float) -> None:
    start, stop = Axis("epoch", 1, end).range_of(fraction)
    end = end or 1.0  # before the first step there is room for one epoch
    assert start <= end * (1 - fraction)
    assert end <= stop <= 1.25 * end
    assert (start == 0) == (fraction == 1)


def test_the_common_range_is_that_of_the_longer_run() -> None:
    short, long = make_snapshot(steps=0), make_snapshot()
    assert series.x_axis(short).end < series.x_axis(long).end
    for snapshots in ([short, long], [long, short]):
        assert series.common_range(snapshots) == series.x_axis(long).range_of(1.0)


def test_a_table_has_a_line_for_each_point() -> None:
    snapshot = make_snapshot()
    table = series.curve_table({"loss": series.loss_curves(snapshot, "loss", 1)}, "epoch", (1.0, 2.0))
    assert {len(column) for column in table.values()} == {60 + 2}
    assert [*table] == ["part", "curve", "epoch", "value", "shown"]
    assert [bool(shown) for shown in table["shown"]] == [1 <= float(epoch) <= 2 for epoch in table["epoch"]]
