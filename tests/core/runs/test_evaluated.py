"""What was measured of a run is read for the list: in short, and with whether it is of the newest weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DamagedFile
from core.evaluation import kept
from core.evaluation.kept import KeptEvaluation
from core.runs import watching
from core.runs.catalog import RunSummary, summarise_whole
from core.runs.choosing.conditions import parse_condition
from core.runs.choosing.order import in_order
from core.runs.keeping import measures
from core.runs.keeping.evaluated import Evaluated, mark_of, mark_on_disk, read_evaluated, suiting
from core.runs.run import Run
from core.runs.watching import Catalog
from tests.support.explorers import make_evaluation
from tests.support.snapshots import make_summary

MakeRun = Callable[..., Run]


def keep(run: Run, frechet: float, mark: str, sampler: str = "prior") -> None:
    evaluation = make_evaluation(sampler, frechet=frechet)
    kept.keep(run.evaluation_path, KeptEvaluation(weights="a", mark=mark, epoch=3, evaluation=evaluation))


def test_an_evaluation_is_of_the_newest_weights_until_others_are_written(make_run: MakeRun) -> None:
    run = make_run()
    assert summarise_whole(run).evaluation is None
    run.write_weights(b"weights" * 100_000)
    keep(run, 2.0, mark_of(run.read_weights()))
    keep(run, 3.0, "", "gaussian")
    summary = summarise_whole(run)
    assert [(each.sampler, each.newest) for each in summary.evaluated] == [("gaussian", None), ("prior", True)]
    found = summary.evaluation
    assert found is not None
    assert (found.frechet, found.sampler, found.epoch, found.samples) == (7.0, "prior", 3, 10_000)
    assert found.figures["elbo"] == -614.68
    content = summary.as_json()
    assert [content[key] for key in ("frechet", "frechet_sampler", "frechet_of_newest_weights")] == [7.0, "prior", True]
    run.write_weights(b"other weights" * 100_000)
    found = summarise_whole(run).evaluation
    assert found is not None
    assert found.newest is False


def test_the_list_shows_it_soon_and_follows_the_weights(make_run: MakeRun) -> None:
    run = make_run()
    run.write_weights(b"weights")
    catalog = Catalog(run.path.parent)
    catalog.look()

    def newest() -> bool | None:
        (summary,) = [catalog.look() for _ in range(2 * watching.TURNS)][-1]
        return summary.evaluation.newest if summary.evaluation else None

    assert newest() is None
    keep(run, 2.0, mark_of(b"weights"))
    assert newest() is True
    run.write_weights(b"others")
    assert newest() is False


def test_the_mark_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    assert mark_on_disk(path) == ""
    for content in (b"", b"few", b"many" * 50_000):
        path.write_bytes(content)
        assert mark_on_disk(path) == mark_of(content)
    assert mark_of(b"a" * 70_000) != mark_of(b"a" * 70_001)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"results": 1}', b'{"results": [1]}', b'{"results": [{"evaluation": {}}]}', b"[" * 9999]
)
def test_damage_is_said(make_run: MakeRun, content: bytes) -> None:
    run = make_run()
    run.evaluation_path.write_bytes(content)
    with pytest.raises(DamagedFile):
        read_evaluated(run.evaluation_path, run.weights_path())
    summary = summarise_whole(run)
    assert summary.damage is None
    assert "evaluation.json" in summary.evaluated_damage


@pytest.mark.parametrize(
    ("place", "number"),
    [("samples", "1e400"), ("epoch", "1e400"), ("elbo", "9" * 400), ("epoch", "9" * 400), ("epoch", "-1")],
)
def test_numbers_out_of_all_bounds_cost_the_figures_of_their_run_alone(
    make_run: MakeRun, place: str, number: str
) -> None:
    run, other = make_run("a"), make_run("b")
    for each in (run, other):
        keep(each, 2.0, "")
    content = json.loads(run.evaluation_path.read_bytes())
    result = content["results"][0]
    (result if place == "epoch" else result["evaluation"])[place] = "here"
    run.evaluation_path.write_text(json.dumps(content).replace('"here"', number))
    catalog = Catalog(run.path.parent)
    catalog.look()
    damaged, whole = sorted(catalog.look(), key=lambda summary: summary.run.name)
    assert "evaluation.json: holds something else than evaluations" in damaged.evaluated_damage
    assert damaged.size is not None
    assert whole.evaluation is not None


def test_whatever_reading_one_evaluation_raises_the_others_are_measured(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = make_run("a"), make_run("b")

    def read(path: Path, weights: Path) -> tuple[Evaluated, ...]:
        if path == run.evaluation_path:
            raise ZeroDivisionError("nobody thought of it")
        return (Evaluated("prior", 1),)

    monkeypatch.setattr(measures, "read_evaluated", read)
    catalog = Catalog(run.path.parent)
    catalog.look()
    failed, whole = sorted(catalog.look(), key=lambda summary: summary.run.name)
    assert failed.evaluated_damage == "unexpected ZeroDivisionError: nobody thought of it"
    assert whole.evaluation is not None


def test_figures_that_are_no_numbers_are_left_out(make_run: MakeRun) -> None:
    run = make_run()
    keep(run, 2.0, "")
    content = json.loads(run.evaluation_path.read_bytes())
    content["results"][0]["evaluation"] |= {"frechet_samples": None, "later": {"mean": "NaN"}, "more": [1]}
    run.evaluation_path.write_text(json.dumps(content))
    (found,) = read_evaluated(run.evaluation_path, run.weights_path())
    assert found.frechet is None
    assert {"later", "more"}.isdisjoint(found.figures)


def measured(name: str, frechet: float, features: str = "digits") -> RunSummary:
    one = Evaluated("prior", 1000, features=features, figures={"frechet_samples": frechet})
    return replace(make_summary(name), evaluated=(one,))


def test_runs_are_ordered_and_filtered_by_it_and_other_features_stand_apart() -> None:
    runs = [measured("a", 3), make_summary("none"), measured("b", 1), measured("clothes", 2, "clothes")]
    assert [run.run.name for run in in_order(runs, "frechet")] == ["clothes", "b", "a", "none"]
    condition = parse_condition("frechet<2.5 and sampler=prior")
    assert [run.run.name for run in runs if condition.holds(run)] == ["b", "clothes"]


def test_the_sampler_that_suits_a_run_stands_for_it() -> None:
    found = (Evaluated("mixture", 1), Evaluated("prior", 2), Evaluated("prior", 3))
    assert suiting(found, "prior") == found[1]
    assert suiting(found, "learned") == found[0]
    assert suiting((), "prior") is None
