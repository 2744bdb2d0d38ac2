"""Training that ends early, and gradients that are clipped: off unless asked for, and part of exact resume."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
import torch

from core.data.images import ImageSet
from core.errors import RunError
from core.jobs import launch
from core.runs.config import RunConfig, make_config
from core.runs.run import Run
from core.runs.status import Asked, State
from core.training.totals import LossTotals
from core.training.trainer import Trainer
from core.training.validation import Validated, Validation
from tests.conftest import cut_digits
from tests.support import trainers
from tests.support.run_files import assert_same_weights, lines
from tests.support.trainers import train

MakeRun = Callable[..., Run]
SMALL = {"preset": "ae", "batch_size": 50, "validate_every": 1, "epochs": 8}


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Two batches of 50."""
    return cut_digits(100, 20)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """The validation losses after so many steps, in place of what is measured."""
    wanted: dict[int, float] = {}

    def measured(self: Validation, validate: object, step: int) -> Iterator[None]:
        yield
        return Validated(LossTotals(1, wanted[step], 0.0), {})  # type: ignore[return-value]

    monkeypatch.setattr(Validation, "losses", measured)
    return wanted


def lowest_after_three(losses: dict[int, float]) -> None:
    losses |= {2: 9.0, 4: 8.0, 6: 7.0, 8: 7.5, 10: 7.0, 12: 7.2, 14: 6.0, 16: 7.0}


def test_training_ends_after_as_many_validations_without_a_lower_loss_as_it_has_patience(
    make_run: MakeRun, images: ImageSet, losses: dict[int, float]
) -> None:
    lowest_after_three(losses)
    run, patient = make_run(**SMALL, patience=3), make_run("patient", **SMALL)
    ended = train(run, images)
    assert (ended.epoch, ended.ended_early) == (6, "no lower validation loss than 7 in 3 validations")
    assert train(patient, images).epoch == 8
    assert train(run, images).epoch == 6, "it is still over"
    longer = train(run, images, epochs=8)
    assert (longer.epoch, longer.ended_early) == (8, None)


def test_a_goal_that_was_asked_for_has_training_begin_to_count_anew_once(
    make_run: MakeRun, images: ImageSet, losses: dict[int, float]
) -> None:
    lowest_after_three(losses)
    run = make_run(**SMALL, patience=1)
    assert train(run, images).epoch == 4
    asked = [Asked(id="a", epochs=20)]
    assert train(run, images, asked=asked).epoch == 5
    assert train(run, images, asked=asked).epoch == 5, "as after a kill before the status said that it was saved"
    assert train(run, images, asked=[*asked, Asked(id="b", epochs=20)]).epoch == 6


def test_a_run_that_is_killed_goes_on_counting(make_run: MakeRun, images: ImageSet, losses: dict[int, float]) -> None:
    lowest_after_three(losses)
    straight, killed = (make_run(name, **SMALL, patience=3) for name in ("straight", "killed"))
    train(straight, images)
    with killed.open_metrics() as metrics:
        trainer = Trainer(killed, images, "cpu", metrics)
        steps = trainer.steps()
        for _ in islice(steps, 4 * 5):  # five epochs of two steps, a batch of a validation and an end
            pass
        trainer.save()
        for _ in islice(steps, 3):
            pass
    assert train(killed, images).epoch == 6
    assert_same_weights(straight, killed)
    assert [line["val_loss"] for line in lines(killed, "epoch")] == [9.0, 8.0, 7.0, 7.5, 7.0, 7.2]


def test_what_is_off_leaves_files_as_earlier_versions_know_them(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SMALL | {"epochs": 1})
    train(run, images)
    assert not {"patience", "clip_norm", "snapshots"} & json.loads((run.path / "config.json").read_text()).keys()
    assert "since_best" not in torch.load(run.state_path, weights_only=True)
    on = make_config(**SMALL, patience=3, clip_norm=0.5, snapshots=0)
    assert RunConfig.model_validate_json(on.model_dump_json()) == on
    assert json.loads(on.model_dump_json())["snapshots"] == 0


def test_a_run_says_why_it_ended_and_is_gone_on_with_for_more_epochs_only(make_small_run: MakeRun) -> None:
    run = make_small_run(preset="ae", epochs=300, patience=1, learning_rate=1.0)  # too much to improve for long
    trainers.finish(run)
    status = run.status()
    assert (run.state(), status.epoch < 300) == (State.FINISHED, True)
    assert (status.reason or "").startswith("no lower validation loss than ")
    assert run.last_log_line().endswith(f"finished: {status.reason}")
    with pytest.raises(RunError, match=r"has finished: no lower validation loss .* go on with --epochs"):
        launch.prepare_resume(run)
    launch.prepare_resume(run, epochs=300)


def test_gradients_are_scaled_down_to_the_norm_and_the_run_ends_as_if_it_had_not_been_interrupted(
    make_run: MakeRun, images: ImageSet
) -> None:
    settings = SMALL | {"epochs": 2}
    straight, killed = (make_run(name, **settings, clip_norm=0.5) for name in ("straight", "killed"))
    method = train(straight, images).method
    assert method.endswith(" (no compiled step: gradients are clipped)")
    trained = train(killed, images, boundaries=1)
    gradients = [parameter.grad for parameter in trained.model.parameters() if parameter.grad is not None]
    assert torch.stack([gradient.norm() for gradient in gradients]).norm().item() == pytest.approx(0.5, rel=1e-3)
    train(killed, images)
    assert_same_weights(straight, killed)
