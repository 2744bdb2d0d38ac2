"""Kernels for a GPU take over at a save whose state names them, and whatever they lack, training goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import pytest
import torch
from torch import Tensor

from core.data.images import ImageSet
from core.kernels.compiler import Unavailable
from core.runs.run import Run
from core.training.checkpoint import load_state
from core.training.methods import choice
from core.training.methods.kernels import Kernels
from core.training.methods.training import MARK, Training
from core.training.step import TrainingStep
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.run_files import assert_same_weights

MakeRun = Callable[..., Run]
SETTINGS = {"preset": "vae", "epochs": 2, "batch_size": 32, "precision": "float32"}


class FakeStep:
    """Stands for kernels: does its steps with other bits than the layers, and its tensors are new ones."""

    method = "Triton kernels, float32"

    validations = 0

    def __init__(self, training: Training) -> None:
        self._training = training
        for parameter in training.objective.model.parameters():
            parameter.data = parameter.data.clone()
        training.totals.sums = training.totals.sums.clone()
        training.optimizer.param_groups[0][MARK] = "triton float32"
        self._step = TrainingStep(
            training.objective, training.objective.model, training.optimizer, training.generator, training.totals,
            training.ranks,
        )  # fmt: skip

    def __call__(self, indices: Tensor) -> None:
        self._step(indices)

    def validate(self, generator: torch.Generator) -> Iterator[Tensor]:
        FakeStep.validations += 1
        return self._training.objective.validate(generator)


class FakeKernels:
    """Ready after so many looks; then it gives a step, or refuses."""

    looks = 0
    mark = "triton float32"
    refusal: Exception | None = None
    broken: Exception | None = None

    def __init__(self, training: Training, mark: str | None, shared: None) -> None:
        self._training = training
        self._left = self.looks
        if self.broken is not None:
            raise self.broken

    @property
    def ready(self) -> bool:
        self._left -= 1
        return self._left < 0

    def step(self, recorder: object) -> FakeStep:
        if self.refusal is not None:
            training = self._training  # as one that has no memory left half way
            for parameter in training.objective.model.parameters():
                parameter.data = parameter.data.clone()
            raise self.refusal
        return FakeStep(self._training)


class NoTape:
    """Does the work that it should record."""

    def __init__(self, device: torch.device) -> None:
        pass

    def warm_up(self, work: Callable[[], None]) -> None:
        work()

    def record(self, work: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        return work


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten batches of 32 and one of 10."""
    return cut_digits(330, 50)


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> type[FakeKernels]:
    """Has a CPU pass for a GPU whose kernels are stand-ins."""

    class Kernels(FakeKernels):
        pass

    monkeypatch.setattr(choice, "Kernels", Kernels)
    monkeypatch.setattr(choice, "CudaRecorder", NoTape)
    monkeypatch.setattr(choice, "GPU", "cpu")
    return Kernels


def train(run: Run, images: ImageSet, boundaries: int | None = None, save_at: int | None = None) -> Trainer:
    """Train so many boundaries further, or to the end, and save; on the way too."""
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        for number, _ in enumerate(islice(trainer.steps(), boundaries)):
            if number == save_at:
                trainer.save()
        trainer.save()
    return trainer


def mark(run: Run) -> object:
    state = load_state(run)
    assert state is not None
    return state.optimizer["param_groups"][0].get(MARK)


def test_kernels_that_are_ready_do_the_first_step(make_run: MakeRun, images: ImageSet, kernels: object) -> None:
    run = make_run(**SETTINGS)
    assert train(run, images, boundaries=1).method == "Triton kernels, float32"
    assert mark(run) == "triton float32"


def test_kernels_take_over_at_a_save_and_at_no_other_time(
    make_run: MakeRun, images: ImageSet, kernels: type[FakeKernels]
) -> None:
    kernels.looks, FakeStep.validations = 1, 0
    run = make_run(**SETTINGS)
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        steps = trainer.steps()
        for _ in islice(steps, trainer.batches_per_epoch + 2):
            assert trainer.method == "fused float32, until its kernels are compiled"
        assert trainer.waits_for_save
        assert trainer.method == "fused float32, until its kernels are compiled"
        trainer.save()
        assert trainer.method == "Triton kernels, float32"
        assert mark(run) == "triton float32"
        assert FakeStep.validations == 0  # which they do from then on, too
        for _ in steps:
            pass
        assert FakeStep.validations == 1


def test_a_resume_repeats_what_came_after_the_save_at_which_kernels_took_over(
    make_run: MakeRun, images: ImageSet, kernels: type[FakeKernels]
) -> None:
    kernels.looks = 1
    straight, killed = make_run("straight", **SETTINGS), make_run("killed", **SETTINGS)
    train(straight, images, save_at=4)
    train(killed, images, boundaries=5)
    kernels.looks = 100  # the state's own method is waited for
    assert train(killed, images).method == "Triton kernels, float32"
    assert_same_weights(straight, killed)


def test_a_gpu_with_less_memory_than_the_state_was_trained_on_says_that_bits_change(
    make_run: MakeRun, images: ImageSet, kernels: type[FakeKernels]
) -> None:
    run = make_run(**SETTINGS)
    train(run, images, boundaries=2)
    kernels.mark = "triton float32 narrow"
    method = train(run, images, boundaries=1).method
    assert method == "Triton kernels, float32, no longer bit for bit: this GPU has less shared memory"


def test_kernels_that_are_refused_leave_training_as_it_was(
    make_run: MakeRun, images: ImageSet, kernels: type[FakeKernels]
) -> None:
    kernels.looks, kernels.refusal = 1, RuntimeError("out of resources\nmore")
    refused, layers = make_run("refused", **SETTINGS), make_run("layers", **SETTINGS)
    assert train(refused, images, save_at=4).method == "fused float32, without kernels of its own: out of resources"
    assert mark(refused) is None
    kernels.broken = Unavailable("no Triton")
    assert train(layers, images).method == "fused float32, without kernels of its own: no Triton"
    assert_same_weights(refused, layers)


def test_there_are_no_kernels_for_binarised_images(
    make_run: MakeRun, images: ImageSet, kernels: type[FakeKernels], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "Kernels", Kernels)
    run = make_run(**SETTINGS, likelihood="bernoulli")
    said = "fused float32, without kernels of its own: its likelihood is not Gaussian"
    assert train(run, images, boundaries=1).method == said


def test_a_run_whose_kernels_are_gone_says_that_its_bits_change(
    make_run: MakeRun, images: ImageSet, kernels: type[FakeKernels]
) -> None:
    run = make_run(**SETTINGS)
    train(run, images, boundaries=5)
    kernels.broken = Unavailable("no Triton")
    said = "fused float32, no longer bit for bit, without kernels of its own: no Triton"
    assert train(run, images, boundaries=5).method == said
    assert mark(run) is None


def test_a_check_that_fails_is_said(
    make_run: MakeRun, images: ImageSet, kernels: type[FakeKernels], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ready(self: FakeKernels) -> bool:
        raise Unavailable("the kernels' loss is off by 0.5")

    kernels.looks = 5
    run = make_run(**SETTINGS)
    with run.open_metrics() as metrics:
        monkeypatch.setattr(kernels, "ready", property(lambda self: False))
        trainer = Trainer(run, images, "cpu", metrics)
        monkeypatch.setattr(kernels, "ready", property(ready))
        assert not trainer.waits_for_save
        trainer.save()
        assert trainer.method == "fused float32, without kernels of its own: the kernels' loss is off by 0.5"
