"""What was measured stays in the run, for the weights that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load, save

from core.errors import DamagedFile
from core.evaluation import kept
from core.evaluation.kept import MOST, KeptEvaluation
from core.evaluation.measuring.progress import ignore
from core.explorer.messages import Answer, Question
from core.explorer.protocol import Report
from core.explorer.queries import RunExplorer
from core.explorer.remote import RemoteExplorer
from core.models.weights import digest_of
from core.runs.run import Run
from tests.conftest import CHECKPOINTS
from tests.support.explorers import make_evaluation


def make(sampler: str = "prior", samples: int = 1000, frechet: float = 5.0, weights: str = "a") -> KeptEvaluation:
    evaluation = make_evaluation(sampler, samples, frechet=frechet)
    return KeptEvaluation(weights=weights, epoch=3, note="some", evaluation=evaluation)


def test_the_newest_comes_first_and_takes_the_place_of_the_same(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    assert kept.read(path) == ()
    first, other, again = make(), make("gaussian"), make(frechet=4.0)
    for each in (first, other, again):
        kept.keep(path, each)
    assert kept.read(path) == (again, other)
    for samples in range(MOST + 5):
        kept.keep(path, make(samples=samples + 1))
    assert len(kept.read(path)) == MOST


def test_damage_is_said_and_is_overwritten_and_newer_samplers_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    for damage in (b"{", b'{"results": [1]}', b'{"results": {}}'):
        path.write_bytes(damage)
        with pytest.raises(DamagedFile):
            kept.read(path)
    kept.keep(path, make())
    content = json.loads(path.read_bytes())
    content["results"].append(json.loads(json.dumps(content["results"][0])))
    content["results"][1]["evaluation"]["sampler"] = "of a newer version"
    content["results"][0]["evaluation"]["another_metric"] = content["another key"] = 1.0
    path.write_text(json.dumps(content))
    assert kept.read(path) == (make(),)
    content["results"][0]["evaluation"]["frechet_floor"] = "NaN"
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedFile):
        kept.read(path)


def test_a_checksum_is_that_of_the_tensors_alone() -> None:
    content = (CHECKPOINTS / "ae-mnist" / "model.safetensors").read_bytes()
    tensors = load(content)
    digest = digest_of(save(tensors, {"epoch": "1"}))
    assert digest == digest_of(save(tensors, {"epoch": "2"}))
    name = next(iter(tensors))
    assert digest != digest_of(save(tensors | {name: tensors[name] + 1}))


def no_question(question: Question, report: Report, on_callback: Callable[..., object]) -> Answer:
    raise AssertionError(question)


def test_an_explorer_gives_what_is_kept_and_says_what_belongs_to_the_newest_weights(tmp_path: Path) -> None:
    source = CHECKPOINTS / "vae-mnist"
    for name in ("config.json", "model.safetensors", "status.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    run = Run(tmp_path)
    explorer = RunExplorer.open(run, tmp_path)
    remote = RemoteExplorer(run, no_question, ignore)  # as the app has it: it waits for no other process
    assert explorer.evaluations() == remote.evaluations() == []
    mine = make(weights=digest_of(run.read_weights()))
    kept.keep(run.evaluation_path, make(weights="of others"))
    kept.keep(run.evaluation_path, mine.model_copy(update={"evaluation": make_evaluation("gaussian")}))
    found, others = explorer.evaluations()
    assert remote.evaluations() == [found, others]
    assert (others.weights, others.epoch) == (0, 3)
    assert found.evaluation == make_evaluation("gaussian")
    assert (found.weights, found.epoch, found.note) == (run.weights_version(), 3, "some")
