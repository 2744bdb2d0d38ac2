"""Which runs belong together, and the order of a list."""

from __future__ import annotations

from core.runs.catalog import RunSummary
from core.runs.choosing.groups import Groups, RunGroup, folded
from core.runs.choosing.order import in_order
from core.runs.config import RunConfig, defaults
from core.runs.status import State
from tests.support.snapshots import make_summary


def run(name: str, **values: object) -> RunSummary:
    news = {key: values.pop(key) for key in ("state", "best", "validation", "damage") if key in values}
    config = RunConfig.model_validate(defaults(values) | values)
    return make_summary(name, news.pop("state", State.FINISHED), config=config, **news)  # type: ignore[arg-type]


RUNS = [
    run("a", seed=1, best=(3, 4.5)),
    run("lone", preset="ae"),
    run("tuning-lr0.01-seed0", sweep="tuning", learning_rate=0.01, best=(9, 2.0)),
    run("b-2", seed=2, best=(2, 3.5), state=State.FAILED),
    run("tuning-lr0.001-seed1", sweep="tuning", learning_rate=0.001, seed=1, state=State.RUNNING),
    run("other-lr0.5", learning_rate=0.5, sweep="other"),
    run("tuning-lr0.02", learning_rate=0.02),  # called so by somebody
    run("broken", damage="config.json is missing"),
]


def names(rows: list[RunSummary | RunGroup]) -> list[str]:
    return [f"{row.title} {len(row.runs)}" if isinstance(row, RunGroup) else row.run.name for row in rows]


def test_runs_of_a_sweep_and_those_that_differ_in_the_seed_only_belong_together() -> None:
    groups = Groups()
    runs = [*RUNS[:-1], make_summary("broken", damage="config.json is missing", config=None)]
    found = groups.of(runs)
    together = {each.run.name: found[each.run][1] for each in runs if each.run in found}
    assert together == {
        "a": "a",
        "b-2": "b",
        "tuning-lr0.01-seed0": "tuning",
        "tuning-lr0.001-seed1": "tuning",
    }
    assert found[runs[0].run][0] == found[runs[3].run][0]
    assert groups.of(runs) == found == Groups().of(runs)  # from one use to the next


def test_a_group_is_a_row_where_its_first_run_stands() -> None:
    runs = RUNS[:-1]
    found = Groups().of(runs)
    keys = {found[RUNS[0].run][0], found[RUNS[2].run][0]}
    rows = folded(runs, found, keys)
    assert names(rows) == ["a 2", "lone", "tuning 2", "other-lr0.5", "tuning-lr0.02"]
    seeds, tuning = (row for row in rows if isinstance(row, RunGroup))
    assert (seeds.best, tuning.best) == ((2, 3.5), (9, 2.0))
    assert dict(seeds.states) == {"finished": 1, "failed": 1}
    assert names(folded(runs, found, set())) == [each.run.name for each in runs]


def test_of_a_group_whose_losses_are_other_sums_none_is_the_lowest() -> None:
    def group(**values: object) -> RunGroup:
        return RunGroup("key", "title", (run("a", best=(1, 40.0)), run("b", best=(1, 90.0), **values), RUNS[-1]))

    assert not group(seed=1).other_sums
    assert not group(learning_rate=0.1, features="8,16").other_sums
    assert group(likelihood="bernoulli").other_sums
    assert group(beta=0.2).other_sums


def test_losses_of_other_likelihoods_and_of_priors_are_ordered_apart() -> None:
    runs = [
        run("prior", preset="prior", first_stage="a", best=(1, 9.0)),
        run("high", best=(1, 40.0)),
        run("pixels", likelihood="bernoulli", best=(1, 90.0)),
        run("low", best=(1, 20.0)),
    ]
    assert [each.run.name for each in in_order(runs, "best")] == ["pixels", "low", "high", "prior"]


def test_parameters_are_a_number_that_is_known_where_the_model_is() -> None:
    gone = make_summary("gone", damage="config.json is missing", config=None)
    newer = make_summary("newer", config=RUNS[0].config.model_copy(update={"preset": "mamba"}))  # type: ignore[union-attr]
    runs = [newer, run("usual"), gone, run("small", features="8")]
    assert [each.run.name for each in in_order(runs, "parameters")] == ["small", "usual", "newer", "gone"]


def test_runs_are_ordered_by_any_quantity_and_those_without_one_come_last() -> None:
    runs = [run("r10", best=(1, 3.0)), run("R2", best=(1, 1.0)), run("r1"), run("q", best=(1, 2.0))]
    assert [each.run.name for each in in_order(runs, "best")] == ["R2", "q", "r10", "r1"]
    assert [each.run.name for each in in_order(runs, "best", descending=True)] == ["r10", "q", "R2", "r1"]
    assert [each.run.name for each in in_order(runs, "run")] == ["q", "r1", "R2", "r10"]
    assert in_order(runs, "preset") == in_order(runs, "preset", descending=True) == runs  # they are equal
