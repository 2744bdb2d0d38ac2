"""Bits do not depend on what runs beside: steps keep their number of threads, and for all else any number will do."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

import pytest
import torch

from core.data.images import ImageSet
from core.runs.architecture.presets import PRESETS
from core.runs.run import Run
from core.training.checkpoint import load_state
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.run_files import assert_same_weights, lines
from tests.support.trainers import train

MakeRun = Callable[..., Run]
T = TypeVar("T")
SETTINGS: dict[str, object] = {"preset": "vae", "epochs": 2, "batch_size": 32, "precision": "float32"}


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten batches of 32 and one of 10."""
    return cut_digits(330, 50)


def result(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_measured_has_the_same_bits_with_any_number_of_threads(
    preset: str, make_run: MakeRun, images: ImageSet
) -> None:
    run = make_run(**SETTINGS | {"preset": preset, "measure_every": 1})
    train(run, images, boundaries=3)
    found = []
    for threads in (1, 2, 3, 2):
        torch.set_num_threads(threads)
        with run.open_metrics() as metrics:
            trainer = Trainer(run, images, "cpu", metrics)
        validation = trainer.validation
        losses = validation.losses(trainer.objective.validate, 3)
        found.append((result(losses), result(validation.frechet(600)), trainer.objective.metadata(measured=True)))
    assert found == [found[0]] * 4


def test_a_run_of_pytorchs_layers_goes_on_with_its_number_of_threads_bit_for_bit(
    make_run: MakeRun, images: ImageSet, no_compiled_step: None
) -> None:
    straight, broken = make_run("straight", **SETTINGS), make_run("broken", **SETTINGS)
    train(straight, images, threads=3)
    assert train(broken, images, boundaries=5, threads=3).method == "fused float32 with 3 threads"
    torch.set_num_threads(1)
    train(broken, images, boundaries=5, threads=1)
    torch.set_num_threads(2)
    train(broken, images)
    assert_same_weights(straight, broken)
    assert [line["val_loss"] for line in lines(straight, "epoch")] == [
        line["val_loss"] for line in lines(broken, "epoch")
    ]


def test_what_is_computed_meanwhile_with_other_threads_changes_no_step(
    make_run: MakeRun, images: ImageSet, no_compiled_step: None
) -> None:
    straight, disturbed = make_run("straight", **SETTINGS), make_run("disturbed", **SETTINGS)
    train(straight, images, threads=2)
    with disturbed.open_metrics() as metrics:
        trainer = Trainer(disturbed, images, "cpu", metrics, threads=2)
        for number, _ in enumerate(trainer.steps()):
            torch.set_num_threads(1 + number % 3)
        trainer.save()
    assert_same_weights(straight, disturbed)


def test_the_state_says_with_how_many_threads_only_where_bits_depend_on_them(
    make_run: MakeRun, images: ImageSet, request: pytest.FixtureRequest
) -> None:
    for name, expected in (("compiled", None), ("layers", 2)):
        if name == "layers":
            request.getfixturevalue("no_compiled_step")
        run = make_run(name, **SETTINGS)
        train(run, images, boundaries=1, threads=2)
        state = load_state(run)
        assert state is not None
        assert state.optimizer["param_groups"][0].get("threads") == expected
