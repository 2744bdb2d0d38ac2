"""A prior on a GPU goes over to kernels at a save whose state names them; stand-ins take the place of both."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

pytest.importorskip("triton")

from core.data.images import ImageSet
from core.kernels.gpu.denoiser import network
from core.runs.run import Run
from core.training.checkpoint import load_state
from core.training.methods import choice, kernels
from core.training.methods.training import MARK
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.core.training.test_kernels import NoTape
from tests.support.run_files import assert_same_weights, lines

MakeRun = Callable[..., Run]
SETTINGS = {"preset": "prior", "epochs": 2, "batch_size": 25, "precision": "float32"}
LAYERS = "float32, until its kernels are compiled"
KERNELS = "Triton kernels in layers, float32"


class Layers:
    """What the kernels do, by PyTorch's layers."""

    @staticmethod
    def apply(x: Tensor, weight: Tensor, bias: Tensor, modulation: Tensor | None, number: int) -> Tensor:
        found = functional.group_norm(x, number, weight, bias)
        if modulation is not None:
            scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
            found = found * (1 + scale) + shift
        return functional.silu(found)


class Ready:
    """Stands for the process that compiles and checks; done when it is told to be."""

    done = True

    def __init__(self, wanted: object, device: torch.device) -> None:
        pass

    def wait(self) -> None:
        pass


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Two batches of 25 and one of 10."""
    return cut_digits(60, 20)


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> type[Ready]:
    """Has a CPU pass for a GPU."""

    class Preparation(Ready):
        pass

    monkeypatch.setattr(network, "GroupNormSiLU", Layers)
    monkeypatch.setattr(kernels, "Preparation", Preparation)
    monkeypatch.setattr(choice, "CudaRecorder", NoTape)
    monkeypatch.setattr(choice, "GPU", "cpu")
    return Preparation


def train(run: Run, images: ImageSet, boundaries: int | None = None, save_at: int | None = None) -> Trainer:
    """Train so many boundaries further, or to the end, and save; on the way too."""
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics, report_seconds=0)
        for number, _ in enumerate(islice(trainer.steps(), boundaries)):
            if number == save_at:
                trainer.save()
        trainer.save()
    return trainer


def mark(run: Run) -> Any:
    state = load_state(run)
    assert state is not None
    return state.optimizer["param_groups"][0].get(MARK)


def test_kernels_take_over_at_a_save_and_a_resume_goes_on_with_them(
    make_run: MakeRun, images: ImageSet, ready: type[Ready]
) -> None:
    straight, killed = make_run("straight", **SETTINGS), make_run("killed", **SETTINGS)
    ready.done = False
    with straight.open_metrics() as metrics:
        trainer = Trainer(straight, images, "cpu", metrics, report_seconds=0)
        steps = trainer.steps()
        next(steps)
        assert trainer.method == LAYERS
        ready.done = True
        assert trainer.waits_for_save
        next(steps)
        assert trainer.method == LAYERS
        trainer.save()
        assert (trainer.method, mark(straight)) == (KERNELS, "triton float32")
        for _ in steps:
            pass
        trainer.save()
    ready.done = False
    with killed.open_metrics() as metrics:
        trainer = Trainer(killed, images, "cpu", metrics, report_seconds=0)
        for _ in islice(trainer.steps(), 2):
            pass
        ready.done = True
        trainer.save()
    ready.done = False  # the state's own method is waited for
    assert train(killed, images).method == KERNELS
    assert_same_weights(straight, killed)
    assert all(line["gradient_norm"] > 0 for line in lines(killed, "step"))


def test_steps_in_kernels_train_as_layers_do(make_run: MakeRun, images: ImageSet, ready: type[Ready]) -> None:
    fast, layers = make_run("fast", **SETTINGS), make_run("layers", **SETTINGS)
    train(fast, images)
    ready.done = False
    train(layers, images)
    for one, other in zip(lines(fast, "step"), lines(layers, "step"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert one["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-3)


def test_kernels_that_are_refused_leave_training_as_it_was(
    make_run: MakeRun, images: ImageSet, ready: type[Ready], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, layers = make_run("refused", **SETTINGS), make_run("layers", **SETTINGS)
    ready.done = False
    train(layers, images)
    with refused.open_metrics() as metrics:
        trainer = Trainer(refused, images, "cpu", metrics, report_seconds=0)
        steps = trainer.steps()
        next(steps)
        ready.done = True
        with monkeypatch.context() as patch:
            patch.setattr(NoTape, "warm_up", refuse_after)
            trainer.save()
        assert trainer.method == "float32, without kernels of its own: out of resources"
        for _ in steps:
            pass
        trainer.save()
    assert mark(refused) is None
    assert_same_weights(refused, layers)


def refuse_after(tape: NoTape, work: Callable[[], None]) -> None:
    """As a GPU whose memory is not enough for what comes after."""
    work()
    raise RuntimeError("out of resources\nmore")
