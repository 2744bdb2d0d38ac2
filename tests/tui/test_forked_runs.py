"""A fork is marked wherever runs are shown: in lists, facts, charts and what programs read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from core.runs.catalog import RunSummary
from core.runs.choosing.conditions import parse_condition
from core.runs.choosing.groups import Groups
from core.runs.forks.origin import ForkedFrom
from core.text import to_ascii
from tests.support.snapshots import make_snapshot, make_summary
from tui import run_axis, series
from tui.drawing.facts import facts
from tui.messages import Snapshot
from tui.run_columns import RUN_COLUMNS
from tui.screens.compare.settings import settings
from tui.screens.runs.listing import preview
from tui.terminal.capabilities import ColorDepth

ORIGIN = ForkedFrom(run="vae-mnist", step=469, epoch=1.0, time=25.0, created="2026-01-02", best_since=469)


def forked(name: str = "vae-fork", **changes: object) -> RunSummary:
    """A run that goes on from another one after its first epoch."""
    summary = make_summary(name)
    assert summary.config is not None
    config = summary.config.model_copy(update={"forked_from": ORIGIN, "created": "2026-01-03T12:00:00+00:00"} | changes)
    return replace(summary, config=config)


def snapshot_of(summary: RunSummary) -> Snapshot:
    """Whose first validation, before it was forked, was lower than the second."""
    snapshot = make_snapshot(summary)
    return replace(snapshot, epochs=snapshot.epochs | {"val_loss": np.array([30.0, 40.5])})


def test_its_name_has_a_sign_and_words_say_where_it_began() -> None:
    fork = forked()
    assert RUN_COLUMNS["run"](fork).plain == "vae-fork ↳"
    assert to_ascii("vae-fork ↳ ×3") == "vae-fork < x3"
    assert RUN_COLUMNS["run"](make_summary()).plain == "vae-mnist"
    words = "forked from vae-mnist at epoch 1"
    assert words in preview.facts(fork, [], 60, ColorDepth.TRUECOLOR).plain
    assert "fork    of vae-mnist at epoch 1" in facts(snapshot_of(fork), 60, ColorDepth.TRUECOLOR).plain
    (row,) = (row for row in settings(make_summary(), fork) if row.name == "forked from")
    assert (row.left, row.right) == ("–", "vae-mnist at epoch 1")
    listed = fork.as_json()["forked_from"]
    assert (listed["run"], listed["step"]) == ("vae-mnist", 469)
    assert make_summary().as_json()["forked_from"] is None
    wanted = parse_condition("fork=vae-mnist")
    assert [wanted.holds(run) for run in (fork, make_summary())] == [True, False]


def test_what_it_is_with_is_what_its_parent_had_otherwise() -> None:
    origin = ORIGIN.model_copy(update={"changed": ("epochs", "clip_norm")})
    fork = forked(forked_from=origin, epochs=70, clip_norm=3.0, patience=4)  # the patience is its parent's
    assert "with    epochs 70, clip norm 3\n" in facts(snapshot_of(fork), 60, ColorDepth.TRUECOLOR).plain + "\n"
    said = preview.facts(fork, [], 60, ColorDepth.TRUECOLOR).plain
    assert "epochs 70\nclip norm 3\n" in said
    assert "patience" not in said
    same = preview.facts(forked(), [], 60, ColorDepth.TRUECOLOR).plain
    assert "the settings of that run" in same


def test_charts_have_a_mark_where_it_branched() -> None:
    parent, fork = snapshot_of(make_summary()), snapshot_of(forked())
    for kind, place in zip(run_axis.X_KINDS, (1.0, 469.0, 25.0), strict=False):
        axis = run_axis.x_axis([fork], kind)
        for key in ("loss", "kl"):
            (chart,) = series.charts([fork], series.CurveOptions(), axis, lambda run: 0, [key])
            assert chart.curves[0].changes == ((place, "fork of vae-mnist"),)
    axis = run_axis.x_axis([parent, fork])
    (chart,) = series.charts([parent, fork], series.CurveOptions(), axis, lambda run: 0, ["loss"])
    assert [curve.changes for curve in chart.curves] == [(), ((1.0, "fork vae-fork"),), (), ()]


def test_the_best_is_of_its_own_validations_where_the_loss_is_another_sum() -> None:
    def best_in_chart(snapshot: Snapshot) -> str:
        (chart,) = series.charts(
            [snapshot], series.CurveOptions(), run_axis.x_axis([snapshot]), lambda run: 0, ["loss"]
        )
        return chart.curves[-1].best_at

    same_loss = forked(forked_from=ORIGIN.model_copy(update={"best_since": 0}))
    assert best_in_chart(snapshot_of(same_loss)) == "epoch 1"
    assert best_in_chart(snapshot_of(forked())) == "epoch 2"
    assert "best 40.50" in facts(snapshot_of(forked()), 60, ColorDepth.TRUECOLOR).plain
    unvalidated = forked(forked_from=ORIGIN.model_copy(update={"best_since": 5000}))
    assert best_in_chart(snapshot_of(unvalidated)) == ""


def test_its_own_part_stands_at_the_time_of_day_at_which_it_was_trained() -> None:
    fork = snapshot_of(forked())
    axis = run_axis.x_axis([fork], "clock")
    at = axis.positions(fork, {"step": np.array([469.0]), "time": np.array([25.0])})
    assert at[0] == datetime.fromisoformat("2026-01-03T12:00:00+00:00").timestamp()


def test_no_sweep_and_no_seeds_take_it_in() -> None:
    members = [make_summary(f"sweep-beta{beta}") for beta in (0.4, 1.0)]
    members = [
        replace(one, config=one.config and one.config.model_copy(update={"beta": beta, "sweep": "sweep"}))
        for one, beta in zip(members, (0.4, 1.0), strict=True)
    ]
    fork = forked("sweep-beta0.4")
    fork = replace(fork, run=type(fork.run)(fork.run.path.with_name("sweep-seed0")))
    found = Groups().of([*members, fork])
    assert {run.name for run in found} == {"sweep-beta0.4", "sweep-beta1.0"}
    # Forks of one moment that differ in the seed only belong together.
    seeds = [forked("a", seed=1), forked("a-2", seed=2), make_summary("other")]
    assert {run.name for run in Groups().of(seeds)} == {"a", "a-2"}
