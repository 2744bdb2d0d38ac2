"""Which curves a snapshot holds, how they are smoothed, and which part of the run is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from core.runs.config import make_config
from core.runs.metrics.lines import KL_CHANNELS
from core.runs.run import Run
from tests.support.snapshots import make_snapshot, make_summary
from tui import export, run_axis, series
from tui.drawing.plots.curves import Curve
from tui.drawing.plots.plot import draw_curves
from tui.drawing.plots.scales import SCALES
from tui.drawing.plots.smoothing import exponential
from tui.messages import Snapshot
from tui.run_axis import X_KINDS, Axis
from tui.run_looks import RUN_COLORS
from tui.series import VISIBLE_FRACTIONS, WEIGHTS, CurveOptions


def curves_of(snapshot: Snapshot, part: str, **options: Any) -> list[Curve]:
    chosen = CurveOptions(**options)
    return series.run_curves([snapshot], part, chosen, run_axis.x_axis([snapshot], chosen.x))


class Places:
    """Gives each run the next place."""

    def __init__(self) -> None:
        self._places: dict[Run, int] = {}

    def of(self, run: Run) -> int:
        return self._places.setdefault(run, len(self._places))


def dated(created: str) -> Snapshot:
    return make_snapshot(make_summary(config=make_config(preset="vae").model_copy(update={"created": created})))


def compared(snapshots: list[Snapshot], part: str, **options: Any) -> list[Curve]:
    chosen = CurveOptions(**options)
    return series.compared_curves(snapshots, part, chosen, run_axis.x_axis(snapshots, chosen.x), Places().of)


def test_training_is_a_line_and_validation_one_with_marks() -> None:
    train, validation = curves_of(make_snapshot(), "loss")
    assert (train.label, train.style, train.dim) == ("train", "line", False)
    assert (validation.label, validation.style, validation.best) == ("validation", "marked", 1)
    assert validation.x.tolist() == [1, 2]  # epochs
    assert validation.y.tolist() == [60, 40.5]


def test_a_learning_rate_that_was_changed_is_marked_where_that_was_in_the_loss_and_in_the_rate() -> None:
    rates = {"step": np.array([469.0]), "time": np.array([9.0]), "learning_rate": np.array([2e-4])}
    snapshot = replace(make_snapshot(), rates=rates)
    found = {part: [curve.changes for curve in curves_of(snapshot, part)] for part in ("loss", "learning_rate", "kl")}
    mark = ((1.0, "rate 0.0002"),)
    assert found == {"loss": [mark, ()], "learning_rate": [mark], "kl": [(), ()]}
    assert curves_of(snapshot, "loss", x="time")[0].changes == ((9.0, "rate 0.0002"),)
    other = replace(snapshot, summary=make_summary("other", config=make_config(preset="vae", beta=0.7)))
    marks = [curve.changes[0][1] for curve in compared([snapshot, other], "loss") if curve.changes]
    assert marks == ["rate 0.0002 vae-mnist", "rate 0.0002 other"]


def test_a_smoothed_curve_stands_before_the_raw_one() -> None:
    raw, smooth, _ = curves_of(make_snapshot(), "loss", weight=0.9)
    assert raw.dim
    assert smooth.label == "smoothed 0.9"
    assert smooth.y.tolist() == exponential(raw.y, 0.9).tolist()


def test_what_is_set_is_never_smoothed() -> None:
    snapshot, options = make_snapshot(), CurveOptions(weight=0.9)
    (curve,) = series.run_curves([snapshot], "learning_rate", options, run_axis.x_axis([snapshot]))
    assert (curve.label, curve.dim) == ("as set", False)
    assert curve.y is snapshot.steps["learning_rate"]
    both = [snapshot, replace(snapshot, summary=make_summary("other", preset="ae"))]
    (first, _) = series.compared_curves(both, "learning_rate", options, run_axis.x_axis(both), Places().of)
    assert first.y is snapshot.steps["learning_rate"]


def test_the_distance_of_samples_is_shown_where_it_was_measured() -> None:
    (curve,) = curves_of(make_snapshot(distances=(np.nan, 7.5)), "frechet")
    assert curve.y.tolist() == [7.5]
    keys = [
        [chart.key for chart in series.charts([snapshot], CurveOptions(), run_axis.x_axis([snapshot]), Places().of)]
        for snapshot in (make_snapshot(), make_snapshot(make_summary(preset="ae"), distances=(9, 8)))
    ]
    assert keys == [["loss", "reconstruction", "kl"], ["loss", "frechet"]]


def test_two_runs_differ_in_colour_and_have_their_names() -> None:
    curves = compared([make_snapshot(), make_snapshot(make_summary("other", preset="vae-post"))], "kl")
    assert [curve.label for curve in curves] == ["vae-mnist", "other", "", ""]
    assert [curve.color for curve in curves] == [*RUN_COLORS[:2]] * 2
    assert [curve.place for curve in curves] == [0, 1] * 2


def seeds(*numbers: int, **settings: Any) -> list[Snapshot]:
    """Runs that differ in the seed, each a tenth above the one before."""
    found = []
    for place, number in enumerate(numbers):
        config = make_config(preset="vae", seed=number, **settings)
        snapshot = make_snapshot(make_summary(f"seed-{number}-{len(settings)}", config=config))
        steps = snapshot.steps | {"loss": snapshot.steps["loss"] * (1 + place / 10)}
        epochs = snapshot.epochs | {"val_loss": snapshot.epochs["val_loss"] * (1 + place / 10)}
        found.append(replace(snapshot, steps=steps, epochs=epochs))
    return found


def test_runs_that_differ_in_the_seed_only_are_their_mean_with_a_band() -> None:
    first, other = seeds(0, 1, 2), seeds(0, beta=2)
    groups = series.seeds_together([first[0], *other, *first[1:]])
    assert [[snapshot.run.name for snapshot in group] for group in groups] == [
        ["seed-0-0", "seed-1-0", "seed-2-0"],
        ["seed-0-1"],
    ]
    line, alone, points, _ = compared([*first, *other], "loss")
    assert (line.label, line.short) == ("seed-0-0 and 2 more seeds", "seed-0-0 +2")
    assert alone.band is None
    assert points.band is not None
    assert points.y.tolist() == pytest.approx((first[1].epochs["val_loss"]).tolist())
    assert points.band[0].tolist() == first[0].epochs["val_loss"].tolist()
    assert points.band[1].tolist() == first[2].epochs["val_loss"].tolist()
    assert line.band is not None
    np.testing.assert_allclose(line.band[1] / line.band[0], 1.2)
    strips = draw_curves([line, alone, points], 100, 16, title="loss").strips
    assert "smallest to largest of the seeds" in strips[0].text + strips[1].text
    read = draw_curves([line, alone, points], 160, 16, title="loss", cursor=2.0).strips
    assert "train " in read[0].text
    assert "val 44.55 (40.5 to 48.6)" in read[0].text + read[1].text


def test_seeds_are_curves_of_their_own_against_the_time_of_day() -> None:
    snapshots = seeds(0, 1)
    axis = run_axis.x_axis(snapshots, "clock")
    assert axis.kind == "clock"
    curves = series.compared_curves(snapshots, "loss", CurveOptions(x="clock"), axis, Places().of)
    assert [curve.label for curve in curves] == ["seed-0-0", "seed-1-0", "", ""]
    (line, _) = compared(snapshots, "loss")
    assert line.label == "seed-0-0 and 1 more seed"


def test_keys_go_round_the_windows_and_stop_at_the_ends_of_the_ranges() -> None:
    options = CurveOptions()
    weights = [options := options.smoother(1) for _ in WEIGHTS]
    assert [each.weight for each in weights] == [*WEIGHTS[1:], WEIGHTS[0]]
    assert options.smoother(-1).weight == WEIGHTS[-1]
    axes = [options := options.next_x() for _ in X_KINDS]
    assert [each.x for each in axes] == ["step", "trained", "clock", "epoch"]
    assert options.narrower(-1).fraction == 1
    for _ in range(99):
        options = options.narrower(1)
    assert options.fraction == VISIBLE_FRACTIONS[-1]
    scales = [options := options.next_scale() for _ in SCALES]
    assert [each.scale for each in scales] == ["all", "zero", "log", "robust"]


@pytest.mark.parametrize("end", [0.0, 0.01, 1.0, 9.99, 400.0, 1e9])
@pytest.mark.parametrize("fraction", VISIBLE_FRACTIONS)
def test_a_range_holds_its_fraction_of_the_run_and_keeps_while_it_grows(end: float, fraction: float) -> None:
    start, stop = Axis("epoch", end).range_of(fraction)
    end = end or 1.0  # before the first step there is room for one epoch
    assert start <= end * (1 - fraction)
    assert end <= stop <= 1.25 * end
    assert (start == 0) == (fraction == 1)


def test_the_axis_holds_the_longest_of_several_runs() -> None:
    short, long = make_snapshot(steps=0), make_snapshot()
    assert run_axis.x_axis([short]).end < run_axis.x_axis([long]).end
    for snapshots in ([short, long], [long, short]):
        assert run_axis.x_axis(snapshots) == run_axis.x_axis([long])


def test_x_counts_epochs_steps_the_time_trained_or_the_time_of_day() -> None:
    snapshot = dated("2026-01-02T10:00:00+00:00")
    ends = {kind: run_axis.x_axis([snapshot], kind) for kind in X_KINDS}
    assert ends["epoch"].end == pytest.approx(1172 / 469)
    assert ends["step"].end == 1172
    assert ends["trained"].end == pytest.approx(1172 / 18.75)
    assert ends["clock"].end - ends["clock"].start == pytest.approx(1172 / 18.75)
    assert ends["clock"].start == datetime.fromisoformat("2026-01-02T10:00:00+00:00").timestamp()
    (curve, _) = curves_of(snapshot, "loss", x="trained")
    assert curve.x[-1] == pytest.approx(1172 / 18.75)
    undated = dated("yesterday")
    assert run_axis.x_axis([undated], "clock").kind == "trained"
    assert run_axis.x_axis([make_snapshot(make_summary(status=None))]).kind == "step"


def test_the_cursor_is_somewhere_in_the_run() -> None:
    snapshot = dated("2026-01-02T10:00:00+00:00")
    said = run_axis.position([snapshot], run_axis.x_axis([snapshot]), 2.0)
    assert said.startswith("epoch 2.0")
    assert "step 9" in said
    assert "50 s" in said
    assert said[-3] == said[-6] == ":"
    assert run_axis.position([snapshot], run_axis.x_axis([snapshot]), 9.0) == ""


def test_the_cursor_is_at_what_several_runs_have_in_common() -> None:
    short = make_snapshot(steps=3)
    runs = [short, dated("2026-01-02T10:00:00+00:00")]
    said = {kind: run_axis.position(runs, run_axis.x_axis(runs, kind), 2.5) for kind in ("epoch", "step", "trained")}
    assert said == {"epoch": "epoch 2.50, step 1,172", "step": "epoch 0.01, step 2", "trained": "2 s trained"}
    beyond = [run_axis.position(runs, run_axis.x_axis(runs, "clock"), cursor) for cursor in (1e14, -1e14)]
    assert beyond == ["", ""], "no calendar has these years"
    status = make_summary().status
    assert status is not None
    other = make_snapshot(make_summary(status=status.model_copy(update={"steps_per_epoch": 40})))
    assert run_axis.position([short, other], run_axis.x_axis([short, other]), 2.5) == "epoch 2.50"


def test_charts_hold_the_runs_that_have_what_they_show() -> None:
    vae, ae = make_snapshot(), make_snapshot(make_summary("other", preset="ae"))
    assert [curve.label for curve in compared([vae, ae], "kl") if curve.label] == ["vae-mnist"]
    assert [curve.label for curve in compared([vae, ae], "loss") if curve.label] == ["vae-mnist", "other"]
    without = replace(vae, steps=vae.steps | {"images_per_second": np.full(60, np.nan)})
    assert series.available([without]) == ["loss", "reconstruction", "kl", "learning_rate"]
    assert series.available([ae]) == ["loss", "learning_rate", "images_per_second"]


def test_what_few_runs_measure_has_charts_where_it_was_measured() -> None:
    vae = make_snapshot()
    assert not {"gradient_norm", "active_units", "kl_channels", "gpu_use", "gpu_memory"} & {*series.available([vae])}
    channels = {name: np.array([1.0, 2.0 + place]) for place, name in enumerate(KL_CHANNELS[:4])}
    devices = {"step": np.array([0.0, 469.0]), "time": np.array([0.0, 25.0]), "utilisation": np.array([90.0, 95.0])}
    measured = replace(
        vae,
        steps=vae.steps | {"gradient_norm": np.linspace(9, 1, 60)},
        epochs=vae.epochs | {"active_units": np.array([12.0, np.nan])} | channels,
        devices=devices | {"memory_used": np.array([1e9, 2.5e9])},
    )
    assert series.available([measured])[-5:] == [
        "gradient_norm",
        "active_units",
        "kl_channels",
        "gpu_use",
        "gpu_memory",
    ]
    assert [curve.label for curve in curves_of(measured, "kl_channels")] == [f"channel {n}" for n in range(4)]
    (memory,) = curves_of(measured, "gpu_memory")
    assert (memory.label, memory.x.tolist(), memory.y.tolist()) == ("in use", [0, 1], [1, 2.5])
    (active,) = curves_of(measured, "active_units")
    assert active.y.tolist() == [12]
    assert curves_of(measured, "gpu_use", weight=0.6)[1].label == "smoothed 0.6"
    # Of several runs each has one curve.
    assert series.available([measured, vae])[-4:] == ["gradient_norm", "active_units", "gpu_use", "gpu_memory"]
    assert [curve.label for curve in compared([measured, vae], "gpu_use")] == ["vae-mnist"]
    assert [curve.style for curve in compared([measured, vae], "active_units")] == ["marked"]


def test_a_table_has_a_line_for_each_point() -> None:
    snapshot = make_snapshot()
    table = export.curve_table([series.Chart("loss", curves_of(snapshot, "loss"), "loss", "loss")], "epoch", (1.0, 2.0))
    assert {len(column) for column in table.values()} == {60 + 2}
    assert [*table] == ["part", "curve", "epoch", "value", "shown"]
    assert [bool(shown) for shown in table["shown"]] == [1 <= float(epoch) <= 2 for epoch in table["epoch"]]


def test_charts_say_which_error_of_which_likelihood_they_draw() -> None:
    gaussian, bernoulli = (
        make_snapshot(make_summary(name, config=make_config(preset="vae", likelihood=name)))
        for name in ("gaussian", "bernoulli")
    )

    def titles(*snapshots: Snapshot) -> list[str]:
        axis = run_axis.x_axis(snapshots)
        return [chart.title for chart in series.charts(snapshots, CurveOptions(), axis, Places().of)[:2]]

    assert titles(gaussian) == ["loss", "squared error"]
    assert titles(bernoulli) == ["loss", "cross-entropy, nats"]
    assert all("do not compare" in title for title in titles(gaussian, bernoulli))
