"""A denoiser's training step in one call computes what PyTorch computes, and the same bits whoever shares the work."""

from __future__ import annotations

import copy
import gc
import io
import multiprocessing
from typing import NamedTuple

import psutil
import pytest
import torch
from torch import Tensor

from core.kernels.compiler import Unavailable
from core.kernels.denoiser_step import DenoiserStep
from core.kernels.step_library import Products
from core.models.denoiser import CLASSES, Denoiser
from tests.support.products import PRODUCTS

BATCH = 40


class Batch(NamedTuple):
    noisy: Tensor
    time: Tensor
    labels: Tensor
    target: Tensor


def make_model(seed: int = 0) -> Denoiser:
    """A model without zeros: fresh ones have a last layer that passes no gradient on."""
    torch.manual_seed(seed)
    model = Denoiser()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


class Training:
    """A model, its optimizer and its compiled step."""

    def __init__(self, products: Products = Products.FLOAT32, threads: int = 1, patience: int = 2000) -> None:
        self.model = make_model()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        self.generator = torch.Generator().manual_seed(7)
        self.make(products, threads, patience)

    def make(self, products: Products, threads: int = 1, patience: int = 2000) -> None:
        self.step = DenoiserStep(self.model, self.optimizer, BATCH, products, threads, patience)

    def draw(self, count: int) -> Batch:
        noisy, target = torch.randn((2, count, 4, 4, 4), generator=self.generator)
        labels = torch.randint(CLASSES + 1, (count,), generator=self.generator)
        return Batch(noisy, torch.rand(count, generator=self.generator), labels, target)

    def run(self, counts: list[int]) -> list[float]:
        return [self.step(*self.draw(count)) for count in counts]

    def state(self) -> list[Tensor]:
        moments = [tensor for state in self.optimizer.state.values() for tensor in state.values()]
        return [tensor.clone() for tensor in (*self.model.state_dict().values(), *moments)]


def same_bits(one: Training, other: Training) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state(), other.state(), strict=True))


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / (one.norm() + 1e-9))


def reference(model: Denoiser, batch: Batch) -> tuple[float, dict[str, Tensor]]:
    """The error and the gradients of PyTorch's own step, in float64 but for the embedding of the time."""
    model = copy.deepcopy(model).double()
    time = model.time
    model.time = torch.nn.Sequential(*time)
    model.time.register_forward_pre_hook(lambda _, given: (given[0].double(),))
    error = (model(batch.noisy.double(), batch.time, batch.labels) - batch.target).square().sum()
    (error / len(batch.noisy)).backward()
    return error.item(), {name: parameter.grad for name, parameter in model.named_parameters()}  # type: ignore[misc]


def gradients_of(training: Training) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in training.model.named_parameters()}  # type: ignore[misc]


@pytest.mark.parametrize("count", [BATCH, 37, 8, 1])
@pytest.mark.parametrize("products", PRODUCTS)
def test_error_and_gradients_are_those_of_pytorch_in_double_precision(products: Products, count: int) -> None:
    training = Training(products, threads=2)
    batch = training.draw(count)
    error, expected = reference(training.model, batch)
    exact = products is Products.FLOAT32
    assert training.step(*batch) == pytest.approx(error, rel=1e-6 if exact else 1e-2)
    for name, gradient in gradients_of(training).items():
        assert distance(expected[name], gradient) < (1e-5 if exact else 2e-2), name


def test_a_class_that_is_not_in_the_batch_has_no_gradient() -> None:
    training = Training()
    batch = training.draw(16)._replace(labels=torch.arange(16) % 3)
    training.step(*batch)
    rows = gradients_of(training)["label.weight"].abs().sum(dim=1)
    assert (rows[:3] > 0).all()
    assert (rows[3:] == 0).all()


def test_latents_that_were_given_before_leave_nothing_behind() -> None:
    """A batch that does not fill its last block is padded with zeros, not with the batch before."""
    one, other = Training(), Training()
    for training, count in ((one, BATCH), (other, 1)):
        training.optimizer.param_groups[0]["lr"] = 0.0
        training.step(*Training.draw(Training(), count))
    batch = one.draw(3)
    errors = [training.step(*batch) for training in (one, other)]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("products", PRODUCTS)
def test_the_parameters_after_some_steps_are_those_of_pytorchs_adam_with_the_same_gradients(
    products: Products,
) -> None:
    training = Training(products)
    twin = copy.deepcopy(training.model)
    adam = torch.optim.Adam(twin.parameters(), lr=1.0)
    for rate in (1e-3, 1e-3, 1e-4, 0.0):
        training.optimizer.param_groups[0]["lr"] = adam.param_groups[0]["lr"] = rate
        training.run([BATCH])
        for ours, theirs in zip(training.model.parameters(), twin.parameters(), strict=True):
            assert ours.grad is not None
            theirs.grad = ours.grad.clone()
        adam.step()
    for ours, theirs in zip(training.model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-7)
        mine, other = training.optimizer.state[ours], adam.state[theirs]
        assert mine["step"] == other["step"] == 4
        for name in ("exp_avg", "exp_avg_sq"):
            assert distance(other[name], mine[name]) < 1e-6


# Whoever does the work


@pytest.mark.parametrize("products", PRODUCTS)
def test_the_bits_do_not_depend_on_the_number_of_threads(products: Products) -> None:
    counts = [BATCH, 37, 1, BATCH]
    alone = Training(products)
    errors = alone.run(counts)
    for threads in (2, 3, 40):
        other = Training(products, threads)
        assert other.run(counts) == errors
        assert same_bits(alone, other)


def test_the_bits_do_not_depend_on_parts_done_twice() -> None:
    alone, hasty = Training(), Training(threads=3, patience=0)
    for _ in range(100):
        assert alone.run([BATCH]) == hasty.run([BATCH])
        if hasty.step.redone > 20:
            break
    assert hasty.step.redone > 0
    assert same_bits(alone, hasty)


def test_threads_end_with_the_step_and_a_closed_one_says_so() -> None:
    gc.collect()
    Training().run([BATCH])  # PyTorch has threads of its own
    before = psutil.Process().num_threads()
    training = Training(threads=4)
    training.run([BATCH])
    assert psutil.Process().num_threads() == before + 3
    training.step.close()
    assert psutil.Process().num_threads() == before
    with pytest.raises(RuntimeError, match="closed"):
        training.run([BATCH])


def test_a_forked_process_ends_although_it_has_none_of_the_threads() -> None:
    training = Training(threads=3)
    training.run([BATCH])
    child = multiprocessing.get_context("fork").Process(target=training.step.close)
    child.start()
    child.join(20)
    assert child.exitcode == 0
    training.run([BATCH])


def test_training_goes_on_from_state_dicts_bit_for_bit() -> None:
    through, resumed, other = Training(), Training(), Training()
    through.run([BATCH, BATCH, 20])
    resumed.run([BATCH])
    file = io.BytesIO()
    torch.save({"model": resumed.model.state_dict(), "optimizer": resumed.optimizer.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    other.step.close()
    other.model.load_state_dict(state["model"])
    other.optimizer.load_state_dict(state["optimizer"])
    other.generator.set_state(resumed.generator.get_state())
    other.make(Products.FLOAT32, threads=2)
    other.run([BATCH, 20])
    assert same_bits(through, other)


# What it refuses


def test_what_is_no_batch_is_refused() -> None:
    training = Training()
    batch = training.draw(4)
    for label in (-1, CLASSES + 1):
        with pytest.raises(IndexError, match="label"):
            training.step(*batch._replace(labels=torch.full((4,), label)))
    for wrong in (
        batch._replace(noisy=batch.noisy.double()),
        batch._replace(target=batch.target[:2]),
        batch._replace(labels=batch.labels.int()),
        batch._replace(time=batch.time[:1]),
    ):
        with pytest.raises(ValueError, match="expected"):
            training.step(*wrong)
    with pytest.raises(ValueError, match="up to 40"):
        training.run([41])


def test_another_model_or_optimizer_is_left_to_pytorch() -> None:
    def refuse(reason: str, model: Denoiser, optimizer: torch.optim.Optimizer) -> None:
        with pytest.raises(Unavailable, match=reason):
            DenoiserStep(model, optimizer, BATCH, Products.FLOAT32, 1)  # type: ignore[arg-type]

    model = Denoiser()
    drawn = torch.get_rng_state()
    refuse("optimizer", model, torch.optim.SGD(model.parameters()))
    refuse("optimizer", model, torch.optim.Adam(model.parameters(), weight_decay=0.1))
    assert torch.equal(drawn, torch.get_rng_state())
    narrow = Denoiser(channels=32)
    refuse("layers", narrow, torch.optim.Adam(narrow.parameters()))
