"""A training step in one call computes what PyTorch computes, and the same bits whoever shares the work."""

from __future__ import annotations

import copy
import gc
import io
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import psutil
import pytest
import torch
from torch import Tensor

from core.data.images import load_image_set, pixels
from core.kernels.compiler import Unavailable
from core.kernels.native_step import NativeStep
from core.kernels.step_library import Products
from core.models.autoencoder import FEATURES, MODELS, Autoencoder, ConvBlock, KlWeight, loss
from core.models.likelihood import Likelihood
from core.training.objectives import drawn_batch, random_numbers
from tests.support.products import PRODUCTS

BATCH = 128
Kind = tuple[str, Likelihood]
KINDS = [(preset, likelihood) for likelihood in Likelihood for preset in MODELS]
GAUSSIAN_VAE, BERNOULLI_VAE = (("vae", likelihood) for likelihood in Likelihood)
FEWER_KINDS = [kind for kind in KINDS if Likelihood.GAUSSIAN in kind or kind == BERNOULLI_VAE]
# A Bernoulli likelihood has no variance that could be optimal.
WEIGHED = [(kind, optimal) for kind in KINDS for optimal in (False, True) if Likelihood.GAUSSIAN in kind or not optimal]


def make_model(kind: Kind, features: Sequence[int] = FEATURES[1:]) -> Autoencoder:
    """A preset's model with that likelihood and channels."""
    preset, likelihood = kind
    model = MODELS[preset]((1, *features))
    model.likelihood = likelihood
    return model


@pytest.fixture(scope="module")
def images() -> Tensor:
    return load_image_set("mnist-5k").train_images


def model_off_the_kink(kind: Kind, features: Sequence[int] = FEATURES[1:]) -> Autoencoder:
    """A model few of whose activations are near the kink of a leaky ReLU, where rounding decides about a gradient."""
    torch.manual_seed(0)
    model = make_model(kind, features)
    for block in model.modules():
        if isinstance(block, ConvBlock):
            norm = block[1]
            assert isinstance(norm, torch.nn.BatchNorm2d)
            torch.nn.init.uniform_(norm.weight, 0.5, 1.0)
            with torch.no_grad():
                norm.weight[::3] *= -1
                norm.bias.copy_(torch.tensor([3.0, -3.0]).repeat(len(norm.bias) // 2))
    return model


class Training:
    """A model, its optimizer and its compiled step; draws as the trainer does."""

    def __init__(
        self,
        images: Tensor,
        kind: Kind = GAUSSIAN_VAE,
        products: Products = Products.FLOAT32,
        threads: int = 1,
        model: Autoencoder | None = None,
        kl_weight: KlWeight | None = None,
        patience: int = 100,
    ) -> None:
        torch.manual_seed(0)
        self.model = model or make_model(kind)
        self.images = images
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=3e-3, fused=True)
        self.generator = torch.Generator().manual_seed(7)
        self.kl_weight = kl_weight or KlWeight(0.4)
        self.make(products, threads, patience)

    def make(self, products: Products, threads: int = 1, patience: int = 100) -> None:
        self.step = NativeStep(
            self.model, self.optimizer, self.images, BATCH, self.kl_weight, products, threads, patience
        )

    def draw(self, count: int) -> tuple[Tensor, Tensor | None]:
        chosen = torch.randperm(len(self.images), generator=self.generator)[:count]
        return chosen, random_numbers(self.model, count, self.generator)

    def run(self, counts: list[int]) -> list[float]:
        return [number for count in counts for number in self.step(*self.draw(count)).tolist()]

    def state(self) -> list[Tensor]:
        moments = [tensor for state in self.optimizer.state.values() for tensor in state.values()]
        return [tensor.clone() for tensor in (*self.model.state_dict().values(), *moments)]


def same_bits(one: Training, other: Training) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state(), other.state(), strict=True))


def reference(
    model: Autoencoder, images: Tensor, drawn: Tensor | None, kl_weight: KlWeight
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """The sums, gradients and statistics of PyTorch's own step, in float64."""
    model = copy.deepcopy(model).double().train()
    x, noise = drawn_batch(model, images, None if drawn is None else drawn.double())
    output, posterior = model(x.double(), noise)
    parts = loss(x.double(), output, posterior, model.likelihood)
    weight = kl_weight.given(parts.reconstruction.mean().item())
    parts.total(weight).mean().backward()
    sums = torch.stack([parts.reconstruction.sum(), parts.kl.sum()]).detach()
    return sums, gradients_of(model), dict(model.named_buffers())


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / (one.norm() + 1e-9))


def gradients_of(model: Autoencoder) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def whole(gradients: dict[str, Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])


def before_norm(model: Autoencoder) -> set[str]:
    """Biases that normalisation takes away, so that only rounding gives them a gradient."""
    return {f"{name}.0.bias" for name, module in model.named_modules() if isinstance(module, ConvBlock)}


@pytest.mark.parametrize("count", [BATCH, 37, 1])
@pytest.mark.parametrize(("kind", "optimal"), WEIGHED)
@pytest.mark.parametrize("products", PRODUCTS)
def test_sums_gradients_and_statistics_are_those_of_pytorch_in_double_precision(
    images: Tensor, products: Products, kind: Kind, count: int, optimal: bool
) -> None:
    kl_weight = KlWeight(0.4, optimal)
    assert_that_of_pytorch(images, products, model_off_the_kink(kind), count, kl_weight)


WIDE, TWO_LEVELS, ONE_LEVEL = (16, 32, 64), (64, 8), (32,)
OTHER_SIZES = [
    pytest.param(WIDE, GAUSSIAN_VAE, Products.BFLOAT16),
    pytest.param(TWO_LEVELS, ("ae", Likelihood.BERNOULLI), Products.FLOAT32),
    pytest.param(ONE_LEVEL, ("vae-post", Likelihood.GAUSSIAN), Products.BFLOAT16),
    *(
        pytest.param(features, kind, products, marks=pytest.mark.slow)
        for features in (WIDE, TWO_LEVELS, ONE_LEVEL, (8, 64), (64, 64, 64), (16, 8, 32), (8,))
        for kind in (("ae", Likelihood.GAUSSIAN), ("vae-post", Likelihood.GAUSSIAN), BERNOULLI_VAE)
        for products in PRODUCTS
    ),
]


@pytest.mark.parametrize(("features", "kind", "products"), OTHER_SIZES)
def test_a_step_of_other_sizes_is_that_of_pytorch_too(
    images: Tensor, features: tuple[int, ...], kind: Kind, products: Products
) -> None:
    assert_that_of_pytorch(images, products, model_off_the_kink(kind, features), 37, KlWeight(0.4))


def test_steps_of_several_sizes_in_one_process_do_not_meet(images: Tensor) -> None:
    """The loader would give what is static in both the same memory, if it saw it."""

    def losses(features: Sequence[int]) -> list[float]:
        model = model_off_the_kink(GAUSSIAN_VAE, features)
        return Training(images, products=Products.BFLOAT16, model=model).run([BATCH] * 2)

    wide, usual = losses(WIDE), losses(FEATURES[1:])
    assert (losses(WIDE), losses(FEATURES[1:])) == (wide, usual)


def assert_that_of_pytorch(
    images: Tensor, products: Products, model: Autoencoder, count: int, kl_weight: KlWeight
) -> None:
    training = Training(images, products=products, model=model, kl_weight=kl_weight, threads=2)
    chosen, drawn = training.draw(count)
    sums, gradients, buffers = reference(training.model, images[chosen], drawn, kl_weight)
    found = training.step(chosen, drawn)
    exact = products is Products.FLOAT32
    assert found.tolist() == pytest.approx(sums.tolist(), rel=1e-6 if exact else 1e-2)
    assert distance(whole(gradients), whole(gradients_of(training.model))) < (1e-5 if exact else 1e-2)
    for name, gradient in gradients_of(training.model).items():
        if name in before_norm(training.model):
            assert torch.equal(gradient, torch.zeros_like(gradient)), name
        elif exact:
            assert distance(gradients[name], gradient) < 1e-3, name
    for name, buffer in training.model.named_buffers():
        assert distance(buffers[name].double(), buffer) < (1e-5 if exact else 2e-2), name


@pytest.mark.parametrize("products", [products for products in PRODUCTS if products is not Products.FLOAT32])
@pytest.mark.parametrize("kind", FEWER_KINDS)
def test_the_gradient_with_bfloat16_products_points_where_that_of_float32_does_at_fresh_weights(
    images: Tensor, kind: Kind, products: Products
) -> None:
    """As far as autocast in PyTorch is, or not much farther: signs near the kink decide, which differ from run to run
    and from processor to processor."""
    training = Training(images, kind, products)
    chosen, drawn = training.draw(BATCH)
    sums, gradients, _ = reference(training.model, images[chosen], drawn, training.kl_weight)
    rival = copy.deepcopy(training.model)
    x, noise = drawn_batch(rival, images[chosen], drawn)
    with torch.autocast("cpu", torch.bfloat16):
        output, posterior = rival(x, noise)
    loss(x, output.float(), posterior, rival.likelihood).total(0.4).mean().backward()
    assert training.step(chosen, drawn).tolist() == pytest.approx(sums.tolist(), rel=1e-2)

    expected = whole(gradients)
    ours, theirs = whole(gradients_of(training.model)), whole(gradients_of(rival))
    assert distance(expected, ours) < 1.5 * distance(expected, theirs)


@pytest.mark.parametrize("products", PRODUCTS)
def test_the_parameters_after_some_steps_are_those_of_pytorchs_adam_with_the_same_gradients(
    images: Tensor, products: Products
) -> None:
    training = Training(images, products=products)
    twin = copy.deepcopy(training.model)
    adam = torch.optim.Adam(twin.parameters(), lr=1.0)
    for rate in (3e-3, 3e-3, 1e-3, 1e-4, 0.0):
        training.optimizer.param_groups[0]["lr"] = adam.param_groups[0]["lr"] = rate
        training.run([BATCH])
        for ours, theirs in zip(training.model.parameters(), twin.parameters(), strict=True):
            assert ours.grad is not None
            theirs.grad = ours.grad.clone()
        adam.step()
    for ours, theirs in zip(training.model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-7)
        mine, other = training.optimizer.state[ours], adam.state[theirs]
        assert mine["step"] == other["step"] == 5
        for name in ("exp_avg", "exp_avg_sq"):
            assert distance(other[name], mine[name]) < 1e-6


def test_a_bias_that_has_no_gradient_still_follows_the_moments_that_it_came_with(images: Tensor) -> None:
    training = Training(images)
    name, bias = next(iter((n, p) for n, p in training.model.named_parameters() if n in before_norm(training.model)))
    training.optimizer.state[bias]["exp_avg"].fill_(0.1)
    before = bias.detach().clone()
    training.run([BATCH])
    assert (bias < before).all(), name


# Whoever does the work


@pytest.fixture
def busy_processes() -> Iterator[None]:
    """One process a core that never rests."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(psutil.cpu_count() or 1)]
    yield
    for process in busy:
        process.kill()
        process.wait()


@pytest.mark.parametrize("products", PRODUCTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_do_not_depend_on_the_number_of_threads(images: Tensor, kind: Kind, products: Products) -> None:
    counts = [BATCH, 37, 1, BATCH]
    alone = Training(images, kind, products)
    losses = alone.run(counts)
    for threads in (2, 3, 40):
        other = Training(images, kind, products, threads)
        assert other.run(counts) == losses
        assert same_bits(alone, other)


def test_the_bits_do_not_depend_on_what_runs_beside(images: Tensor, busy_processes: None) -> None:
    counts = [BATCH] * 6 + [32]
    alone, beside = (Training(images, products=Products.BFLOAT16, threads=threads) for threads in (1, 3))
    assert alone.run(counts) == beside.run(counts)
    assert same_bits(alone, beside)


def test_the_bits_do_not_depend_on_parts_done_twice(images: Tensor) -> None:
    alone, hasty = Training(images, threads=1), Training(images, threads=3, patience=0)
    for _ in range(200):
        assert alone.run([32]) == hasty.run([32])
        if hasty.step.redone > 20:
            break
    assert hasty.step.redone > 0
    assert same_bits(alone, hasty)


def test_models_that_train_at_the_same_time_in_one_process_do_not_meet(images: Tensor) -> None:
    counts = [BATCH] * 4
    expected = [Training(images, kind, threads=2) for kind in KINDS]
    for training in expected:
        training.run(counts)
    together = [Training(images, kind, threads=2) for kind in KINDS]
    workers = [threading.Thread(target=training.run, args=(counts,)) for training in together]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(same_bits(one, other) for one, other in zip(expected, together, strict=True))


def test_threads_end_with_the_step_and_a_closed_one_says_so(images: Tensor) -> None:
    gc.collect()
    Training(images).run([BATCH])  # PyTorch has threads of its own
    before = psutil.Process().num_threads()
    training = Training(images, threads=4)
    training.run([BATCH])
    assert psutil.Process().num_threads() == before + 3
    training.step.close()
    assert psutil.Process().num_threads() == before
    with pytest.raises(RuntimeError, match="closed"):
        training.run([BATCH])


def test_a_forked_process_ends_although_it_has_none_of_the_threads(images: Tensor) -> None:
    training = Training(images, threads=3)
    training.run([BATCH])
    child = multiprocessing.get_context("fork").Process(target=training.step.close)
    child.start()
    child.join(20)
    assert child.exitcode == 0
    training.run([BATCH])


@pytest.mark.parametrize("products", PRODUCTS)
def test_training_goes_on_from_state_dicts_bit_for_bit(images: Tensor, products: Products) -> None:
    through = Training(images, products=products)
    through.run([BATCH, BATCH, 20])
    resumed = Training(images, products=products)
    resumed.run([BATCH])
    file = io.BytesIO()
    torch.save({"model": resumed.model.state_dict(), "optimizer": resumed.optimizer.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    other = Training(images, products=products)
    other.step.close()
    other.model.load_state_dict(state["model"])
    other.optimizer.load_state_dict(state["optimizer"])
    other.generator.set_state(resumed.generator.get_state())
    other.make(products, threads=2)
    other.run([BATCH, 20])
    assert same_bits(through, other)


def test_state_dicts_are_those_that_pytorchs_own_step_makes(images: Tensor) -> None:
    training = Training(images)
    training.run([BATCH])
    plain = copy.deepcopy(training.model)
    optimizer = torch.optim.Adam(plain.parameters(), lr=3e-3, fused=True)
    x = pixels(images[:8])
    loss(x, *plain(x, plain.noise(8, torch.Generator()))).total().mean().backward()
    optimizer.step()
    ours, theirs = training.optimizer.state_dict(), optimizer.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    for index, state in theirs["state"].items():
        kinds = {name: (tensor.shape, tensor.dtype) for name, tensor in state.items()}
        assert {name: (tensor.shape, tensor.dtype) for name, tensor in ours["state"][index].items()} == kinds
    assert all(buffer == 1 for name, buffer in training.model.named_buffers() if name.endswith("tracked"))


# What it refuses


def test_what_is_no_batch_is_refused(images: Tensor) -> None:
    training = Training(images)
    chosen, noise = training.draw(4)
    assert noise is not None
    with pytest.raises(IndexError, match="4000"):
        training.step(chosen + 4000, noise)
    for wrong, drawn in ((chosen.int(), noise), (chosen, None), (chosen, noise[:2]), (chosen, noise.double())):
        with pytest.raises(ValueError, match=r"indices|noise"):
            training.step(wrong, drawn)
    with pytest.raises(ValueError, match="up to 128"):
        training.step(torch.arange(129), noise)


def test_another_model_optimizer_or_device_is_left_to_pytorch(images: Tensor) -> None:
    def refuse(reason: str, model: Autoencoder, optimizer: torch.optim.Optimizer, pictures: Tensor = images) -> None:
        with pytest.raises(Unavailable, match=reason):
            NativeStep(model, optimizer, pictures, BATCH, KlWeight(), Products.FLOAT32, 1)  # type: ignore[arg-type]

    model = MODELS["vae"]()
    adam = torch.optim.Adam(model.parameters())
    drawn = torch.get_rng_state()
    refuse("images", model, adam, images.float())
    refuse("images", model, adam, images[:, :28, :28])
    refuse("optimizer", model, torch.optim.SGD(model.parameters()))
    refuse("optimizer", model, torch.optim.Adam(model.parameters(), weight_decay=0.1))
    assert torch.equal(drawn, torch.get_rng_state())
    for features, channels in (((4, 8, 16), 4), ((8, 16, 32, 64), 4), ((128,), 4), ((8, 16), 2)):
        other = Autoencoder((1, *features), channels)
        refuse("none for its sizes", other, torch.optim.Adam(other.parameters()))
    model.encoder[0][0][2] = torch.nn.LeakyReLU(0.2)  # type: ignore[index]
    refuse("layers", model, adam)
