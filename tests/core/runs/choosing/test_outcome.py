"""What a sweep came to: the settings in which its runs differ, and the best where there can be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import RunError
from core.runs.catalog import RunSummary, newest_first
from core.runs.choosing.outcome import Outcome, find_outcome, outcomes
from core.runs.choosing.seeds import Spread
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State


def member(name: str, loss: float | None, state: State = State.FINISHED, **settings: object) -> RunSummary:
    config = make_config(dataset="mnist-5k", **settings).model_copy(
        update={"sweep": None if name == "other" else "try"}
    )
    validation = None if loss is None else (3, loss)
    return RunSummary(Run(Path("/runs") / name), state=state, config=config, validation=validation)


def rates(*losses: float | None) -> list[RunSummary]:
    return [
        member(f"try-lr{rate:g}", loss, State.CREATED if loss is None else State.FINISHED, learning_rate=rate)
        for rate, loss in zip((0.001, 0.002, 0.004), losses, strict=True)
    ]


def only(summaries: Sequence[RunSummary]) -> Outcome:
    (found,) = outcomes(summaries)
    return found


def test_the_best_so_far_is_the_lowest() -> None:
    found = only([*rates(40.0, 38.0, None), member("other", 1.0)])
    assert (found.name, found.varied, found.usual_figure) == ("try", ("learning_rate",), "val_loss")
    best = found.best("val_loss")
    assert best is not None
    assert best.run.name == "try-lr0.002"
    assert [each.run.name for each in found.in_order("val_loss")] == ["try-lr0.002", "try-lr0.001", "try-lr0.004"]
    assert found.as_json("val_loss")["best"] == "try-lr0.002"


def test_losses_that_are_other_sums_name_no_best() -> None:
    found = only([member(f"try-beta{beta}", 10 * beta, beta=beta) for beta in (0.5, 1.0)])
    assert found.best("val_loss") is None
    assert found.why_no_best("val_loss") == "losses of another beta are other sums"
    assert "not better by itself" in found.why_no_best("kl")
    assert found.why_no_best("frechet") == "no run has a Fréchet distance yet; vae-tui evaluate RUN measures it"


def test_runs_of_different_likelihoods_are_neither_ranked_by_loss_nor_by_error() -> None:
    names = {"try-gaussian": "gaussian", "try-bernoulli": "bernoulli", "try-another": "bernoulli"}
    losses = (40.0, 90.0, 99.0)
    runs = [member(name, loss, likelihood=each) for (name, each), loss in zip(names.items(), losses, strict=True)]

    def known(figure: str, *values: float) -> Outcome:
        found = only(runs)
        pairs = zip(found.trials, values, strict=True)
        return replace(found, trials=tuple(replace(one, figures={**one.figures, figure: each}) for one, each in pairs))

    found = known("reconstruction", 4, 80, 90)
    assert found.usual_figure == "val_loss"
    assert found.why_no_best("val_loss") == "losses of another beta or likelihood are other sums"
    assert found.why_no_best("reconstruction") == "squared errors and cross-entropies do not compare"
    for figure in ("val_loss", "reconstruction"):
        assert found.best(figure) is None
        assert [one.run.name for one in found.in_order(figure)] == ["try-another", "try-bernoulli", "try-gaussian"]
    measured = known("frechet", 4, 2, 3)
    assert measured.usual_figure == "frechet"
    assert measured.in_order("frechet")[0] is measured.best("frechet") is measured.trials[1]


def test_a_figure_of_some_of_the_finished_runs_names_no_best() -> None:
    found = only([member(f"try-beta{beta}", 10.0, beta=beta) for beta in (0.5, 1.0, 2.0)])
    errors = [dict(zip(("reconstruction", "frechet"), known, strict=False)) for known in ((3.0, 90.0), (2.0,), (4.0,))]
    trials = [replace(trial, figures=known) for trial, known in zip(found.trials, errors, strict=True)]
    found = replace(found, trials=tuple(trials))
    assert (found.usual_figure, found.best("frechet")) == ("reconstruction", None)
    assert "1 of 3 measured" in found.why_no_best("frechet")
    best = found.best("reconstruction")
    assert best is not None
    assert best is found.trials[1]
    said = f"lowest error of validation images 2: {best.run.name}; Fréchet distance: 1 of 3 measured"
    assert found.summary("reconstruction").endswith(said), "all have finished, so it is no more the best so far"


def test_what_is_left_is_in_the_order_in_which_it_was_made() -> None:
    left = [replace(run, state=State.STOPPED) for run in rates(1.0, 2.0, 3.0)]
    made = [
        replace(run, config=run.config and run.config.model_copy(update={"created": f"2026-11-28T00:00:0{second}"}))
        for second, run in zip((2, 1, 3), left, strict=True)
    ]
    found = only(newest_first(made))
    assert [run.run.name for run in found.left] == ["try-lr0.002", "try-lr0.001", "try-lr0.004"]


def test_what_is_left_neither_finished_nor_is_trained_or_waits() -> None:
    states = (State.FINISHED, State.RUNNING, State.STOPPED)
    runs = [replace(run, state=state) for run, state in zip(rates(1.0, 2.0, 3.0), states, strict=True)]
    assert [left.run.name for left in only(runs).left] == ["try-lr0.004"]
    assert only(runs).states == {"finished": 1, "running": 1, "stopped": 1}


def test_an_unknown_sweep_is_refused_with_those_there_are() -> None:
    with pytest.raises(RunError, match=r"no sweep named 'tri'.*try"):
        find_outcome(rates(1.0, 2.0, 3.0), "tri")


def seeds(losses: Sequence[Sequence[float | None]]) -> Outcome:
    return only(
        [
            member(
                f"try-lr{rate:g}-seed{seed}",
                loss,
                State.RUNNING if loss is None else State.FINISHED,
                learning_rate=rate,
                seed=seed,
            )
            for rate, of_rate in zip((0.001, 0.002, 0.004), losses, strict=True)
            for seed, loss in enumerate(of_rate)
        ]
    )


def test_runs_that_differ_in_the_seed_only_are_put_together_as_mean_and_deviation() -> None:
    found = seeds([(40.0, 42.0, 44.0), (39.0, 46.0, 47.0), (30.0, None, None)])
    first, second, third = found.groups_in_order("val_loss")
    assert (third.name, third.said("val_loss")) == ("try-lr0.002", "44 ± 4.4")
    assert (first.name, first.said("val_loss")) == ("try-lr0.004", "30 (n 1)")
    assert (second.settings, second.said("val_loss")) == ({"learning_rate": 0.001}, "42 ± 2")
    assert second.spread("val_loss") == Spread(42.0, 2.0, 3)
    assert found.best_group("val_loss") == second, "a lucky seed is no mean while others have all of theirs"
    assert found.summary_of_seeds("val_loss") == "lowest mean of seeds so far 42 ± 2: try-lr0.001 ×3"
    groups = found.as_json("val_loss")["groups"]
    assert groups[1] == {
        "settings": {"learning_rate": 0.001},
        "runs": [f"try-lr0.001-seed{seed}" for seed in range(3)],
        "val_loss": {"mean": 42.0, "std": 2.0, "n": 3},
        "best_val_loss": {"mean": 42.0, "std": 2.0, "n": 3},
    }


def test_losses_that_are_other_sums_name_no_best_mean() -> None:
    runs = [member(f"try-beta{beta}-seed{seed}", 9.0, beta=beta, seed=seed) for beta in (0.5, 1.0) for seed in (0, 1)]
    found = only(runs)
    assert (len(found.groups), found.best_group("val_loss")) == (2, None)
    assert found.summary_of_seeds("val_loss") == "no best mean: losses of another beta are other sums"
    assert only(rates(40.0, 38.0, None)).groups == []
