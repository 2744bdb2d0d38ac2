"""Snapshots hold what a save at their moment would hold, change no bit of a training, and come again after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from core.data.images import ImageSet
from core.models.weights import digest_of, metadata_of
from core.runs.run import Run
from core.runs.snapshots.folder import snapshots_of
from core.runs.snapshots.moments import kept_at
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.run_files import assert_same_weights
from tests.support.trainers import train

MakeRun = Callable[..., Run]
STEPS = 6  # an epoch
SETTINGS = {"batch_size": 10, "epochs": 3}


class FakeRecorder:
    """Does recorded work as a GPU does: at every replay, with the arguments of the recording."""

    def warm_up(self, work: Callable[[], None]) -> None:
        work()

    def record(self, work: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        return work


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return cut_digits(60, 20)


def saves(run: Run, images: ImageSet, **options: Any) -> Iterator[tuple[int, str]]:
    """Train with a save after each step; the step and a checksum of the weights."""
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics, **options)
        for _ in trainer.steps():
            trainer.save()
            yield trainer.step, digest_of(run.read_weights())
        trainer.save()


def digests(run: Run) -> dict[int, str]:
    return {snapshot.step: digest_of(snapshot.read()) for snapshot in snapshots_of(run)}


@pytest.mark.parametrize("method", ["compiled", "layers", "recorded"])
def test_they_hold_the_weights_and_statistics_that_a_save_at_their_moment_has(
    make_run: MakeRun, images: ImageSet, method: str, request: pytest.FixtureRequest
) -> None:
    if method == "layers":
        request.getfixturevalue("no_compiled_step")
    run = make_run(preset="vae", **SETTINGS)
    saved = dict(saves(run, images, **({"recorder": FakeRecorder()} if method == "recorded" else {})))
    found = digests(run)
    assert found.keys() == kept_at(3 * STEPS, STEPS, 30)
    assert found == {step: saved[step] for step in found}
    for snapshot in snapshots_of(run):
        metadata = metadata_of(snapshot.read())
        assert (metadata["preset"], metadata["step"]) == ("vae", str(snapshot.step))
        assert snapshot.epoch == pytest.approx(snapshot.step / STEPS, rel=1e-5)


def test_a_training_is_the_same_bit_for_bit_with_and_without_them(make_run: MakeRun, images: ImageSet) -> None:
    kept, without = (make_run(f"run-{most}", preset="vae", snapshots=most, **SETTINGS) for most in (30, 0))
    for run in (kept, without):
        train(run, images)
    assert_same_weights(kept, without)
    assert snapshots_of(without) == ()
    assert not (without.path / "snapshots").exists()


def test_a_run_that_is_killed_and_given_more_epochs_has_those_of_one_that_went_straight_on(
    make_run: MakeRun, images: ImageSet
) -> None:
    straight = make_run("straight", preset="ae", **SETTINGS | {"epochs": 5})
    train(straight, images)
    killed = make_run("killed", preset="ae", **SETTINGS)
    for boundaries in (1, 7, 9):
        with killed.open_metrics() as metrics:
            trainer = Trainer(killed, images, "cpu", metrics)
            steps = trainer.steps()
            for _ in range(boundaries):
                next(steps)
            trainer.save()
            saved = trainer.step
            for _ in range(5):
                next(steps)
            trainer.snapshots.settle()
        assert max(digests(killed)) > saved  # what is on the disk is beyond the state
    train(killed, images)
    train(killed, images, epochs=5)
    assert_same_weights(killed, straight)
    assert digests(killed) == digests(straight)


def test_a_learned_prior_keeps_none(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(preset="prior", batch_size=30, epochs=1)
    train(run, images)
    assert not (run.path / "snapshots").exists()
