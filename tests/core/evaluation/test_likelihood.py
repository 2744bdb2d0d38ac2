"""The bounds on the likelihood keep their order, and are exact where the likelihood is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, LowRankMultivariateNormal, Normal

from core.data.images import load_image_set, pixels
from core.evaluation.likelihood import active_units, elbo, importance_bounds, log_likelihood
from core.latents.aggregate import Latents
from core.latents.encoding import encode
from core.models.autoencoder import Autoencoder, DiagonalGaussian, VariationalAutoencoder, loss
from core.models.likelihood import Likelihood
from core.runs.run import Run
from core.shapes import LATENT_SHAPE
from tests.conftest import CHECKPOINTS
from tests.support.models import load_model

PIXELS, NUMBERS = 1024, 64
LENGTH = 0.8  # of each column of the linear decoder


class LinearGaussian(VariationalAutoencoder):
    """A decoder that is a matrix with orthogonal columns: the true posterior is diagonal and known.

    What `encode` gives is the true posterior with its variance multiplied by `broadening`.
    """

    def __init__(self, broadening: float = 1.0) -> None:
        super().__init__()
        columns = np.linalg.qr(np.random.default_rng(0).normal(size=(PIXELS, NUMBERS)))[0]
        self.matrix = torch.as_tensor(LENGTH * columns, dtype=torch.float32)
        self.broadening = broadening

    def encode(self, x: Tensor) -> DiagonalGaussian:
        variance = 1 / (1 + 2 * LENGTH**2)
        mean = 2 * variance * ((x.flatten(1) - 0.5) @ self.matrix).view(-1, *LATENT_SHAPE)
        return DiagonalGaussian(mean, torch.full_like(mean, math.log(variance * self.broadening)))

    def output(self, z: Tensor) -> Tensor:
        return 0.5 + (z.flatten(1) @ self.matrix.T).view(-1, 1, 32, 32)

    def exact(self, images: Tensor) -> Tensor:
        density = LowRankMultivariateNormal(torch.full((PIXELS,), 0.5), self.matrix, torch.full((PIXELS,), 0.5))
        exact: Tensor = density.log_prob(pixels(images).flatten(1)).double()
        return exact


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(0, 256, (24, 32, 32), generator=generator()).to(torch.uint8)


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return load_image_set("mnist-5k").validation_images[:6]


@pytest.fixture(params=["vae-mnist", "vae-post-mnist"], scope="module")
def trained(request: pytest.FixtureRequest) -> Autoencoder:
    return load_model(Run(CHECKPOINTS / request.param))


def test_the_log_likelihood_is_that_of_a_gaussian_with_variance_one_half() -> None:
    x, output = torch.rand(3, PIXELS), torch.rand(3, PIXELS)
    wanted = Normal(output, math.sqrt(0.5)).log_prob(x).sum(dim=1)
    assert torch.allclose(log_likelihood((x - output).square().sum(dim=1), PIXELS), wanted, rtol=1e-5)
    wider = Normal(output, 2.0).log_prob(x).sum(dim=1)
    assert torch.allclose(log_likelihood((x - output).square().sum(dim=1), PIXELS, 4.0), wider, rtol=1e-5)


def test_with_the_true_posterior_both_bounds_are_the_likelihood(images: Tensor) -> None:
    model = LinearGaussian()
    exact = model.exact(images)
    bounds = importance_bounds(model, images, 20, generator())
    assert torch.allclose(bounds.elbo, exact, atol=0.01)
    assert torch.allclose(bounds.importance_weighted, exact, atol=0.01)
    many = torch.stack([elbo(model, images, generator(seed)) for seed in range(200)]).mean(dim=0)
    assert torch.allclose(many, exact, atol=1.5)


def test_with_another_posterior_the_bounds_lie_below_and_the_weighted_one_closes_in(images: Tensor) -> None:
    model = LinearGaussian(broadening=1.5)
    exact = model.exact(images)
    one, few, many = (importance_bounds(model, images, samples, generator()) for samples in (1, 5, 2000))
    assert torch.equal(one.elbo, one.importance_weighted)
    gap = 0.5 * NUMBERS * (0.5 - math.log(1.5))  # the KL divergence to the true posterior
    assert torch.allclose(many.elbo, exact - gap, atol=0.2)
    below = [float((exact - bounds.importance_weighted).mean()) for bounds in (one, few, many)]
    assert below == sorted(below, reverse=True)
    assert below[-1] == pytest.approx(0, abs=0.15)


def test_the_elbo_is_minus_the_loss_but_for_a_constant(trained: Autoencoder, digits: Tensor) -> None:
    x = pixels(digits)
    with torch.inference_mode():
        lost = loss(x, *trained(x, trained.noise(len(x), generator(3)))).total()
    bound = elbo(trained, digits, generator(3))
    assert bound.shape == (len(digits),)
    assert torch.allclose(bound, -lost.double() - 512 * math.log(math.pi), atol=1e-3)


def test_both_ways_to_the_elbo_agree(trained: Autoencoder, digits: Tensor) -> None:
    many = torch.stack([elbo(trained, digits, generator(seed)) for seed in range(100)]).mean()
    assert float(importance_bounds(trained, digits, 200, generator()).elbo.mean()) == pytest.approx(float(many), abs=1)


def test_the_weighted_bound_of_a_trained_model_is_above_its_elbo_and_grows(
    trained: Autoencoder, digits: Tensor
) -> None:
    few, many = (importance_bounds(trained, digits, samples, generator()) for samples in (5, 300))
    assert (few.importance_weighted > few.elbo).all()
    assert many.importance_weighted.mean() > few.importance_weighted.mean()


def test_units_are_active_whose_posterior_mean_varies_over_the_images() -> None:
    signs = np.where(np.arange(1000) % 2, 1.0, -1.0)[:, None]
    deviations = np.sqrt(np.array([0.0, 0.0099, 0.0101, 1.0]))
    mean = 7 + signs * deviations
    assert active_units(Latents(mean, np.full_like(mean, 5.0), np.zeros(1000, np.int64))) == 2


def test_a_trained_model_uses_some_of_its_units(trained: Autoencoder) -> None:
    images = load_image_set("mnist-5k")
    latents = encode(trained, images.validation_images[:200], images.validation_labels[:200])
    assert 2 <= active_units(latents) <= NUMBERS


class TwoNumbers(VariationalAutoencoder):
    """A linear decoder of two numbers, whose posterior is too broad and beside the true one."""

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__((1, 8, 8, 8, 8, 8), 2)
        self.matrix = torch.randn(PIXELS, 2, generator=generator(3)) / 8
        self.likelihood = likelihood

    def encode(self, x: Tensor) -> DiagonalGaussian:
        mean = (x.flatten(1) @ self.matrix).view(-1, 2, 1, 1) / 40
        return DiagonalGaussian(mean, torch.full_like(mean, -1.0))

    def output(self, z: Tensor) -> Tensor:
        return (z.flatten(1) @ self.matrix.T).view(-1, 1, 32, 32)

    def exact(self, x: Tensor) -> float:
        """log p(x) of an image (1, 1, 32, 32) by quadrature: a sum over a fine grid of both numbers."""
        along = torch.linspace(-6, 6, 241, dtype=torch.float64)
        z = torch.cartesian_prod(along, along)
        output = z @ self.matrix.double().T
        if self.likelihood is Likelihood.GAUSSIAN:
            fits = Normal(output, math.sqrt(0.5)).log_prob(x.double().flatten())
        else:
            inside = torch.nn.functional.pad(torch.ones(28, 28), (2,) * 4).flatten().bool()
            fits = Bernoulli(logits=output[:, inside]).log_prob(x.double().flatten()[inside])
        return float((fits.sum(dim=1) + Normal(0, 1).log_prob(z).sum(dim=1)).logsumexp(0) + 2 * math.log(12 / 240))


@pytest.mark.parametrize("likelihood", Likelihood)
def test_many_samples_find_the_likelihood_that_quadrature_gives(likelihood: Likelihood) -> None:
    model = TwoNumbers(likelihood)
    image = torch.zeros(1, 32, 32, dtype=torch.uint8)
    image[:, 10:20, 14:18] = 255  # black and white: drawing it again changes nothing
    exact = model.exact(pixels(image))
    bounds = importance_bounds(model, image, 20_000, generator())
    assert float(bounds.importance_weighted) == pytest.approx(exact, abs=0.03)
    assert exact - 30 < float(bounds.elbo) < exact - 0.1
    lower = elbo(model, image.expand(2000, -1, -1), generator())
    assert float(lower.mean()) == pytest.approx(float(bounds.elbo), abs=0.5)


def test_pixels_are_drawn_white_as_often_as_they_are_bright_and_the_padding_says_nothing() -> None:
    bernoulli = Likelihood.BERNOULLI
    x = torch.full((4000, 1, 32, 32), 0.3)
    drawn = bernoulli.drawn(x, torch.rand(4000, PIXELS, generator=generator()))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert float(drawn.mean()) == pytest.approx(0.3, abs=1e-3)
    output = torch.randn(2, 1, 32, 32, generator=generator())
    other = output.clone()
    other[..., :2, :] = 50.0
    assert torch.equal(bernoulli.error(drawn[:2], output), bernoulli.error(drawn[:2], other))
    assert torch.equal(bernoulli.images(other), bernoulli.images(output))
    assert not bernoulli.images(output)[..., :2].any()
    assert torch.equal(bernoulli.images(output)[..., 2:-2, 2:-2], torch.sigmoid(output[..., 2:-2, 2:-2]))
