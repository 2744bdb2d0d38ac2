"""Samplers draw what they are fitted to, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core.arrays import Floats
from core.data.images import load_image_set
from core.errors import ConfigError
from core.latents.aggregate import Latents
from core.latents.encoding import encode
from core.latents.options import check_sampler, check_temperature, grid_shape
from core.latents.samplers import GaussianMixture, QuantileGrid, Sampler, fit, standard_normal
from core.models.autoencoder import MODELS
from core.runs.architecture.presets import PRESETS
from core.runs.config import check_values
from tests.support.models import last_convolution, last_normalisation

SIZE = 6
FITTED = ("gaussian", "full", "mixture")
MANY = 20_000


@pytest.fixture(scope="module")
def latents() -> Latents:
    """Three clouds with correlated numbers, of which the last never varies."""
    random = np.random.default_rng(0)
    factor = random.normal(0, 0.3, (SIZE, SIZE))
    labels = np.arange(1500) % 3
    mean = np.eye(SIZE)[labels] * 6 + random.normal(0, 1, (1500, SIZE)) @ factor.T
    variance = np.full((1500, SIZE), 0.05)
    mean[:, -1], variance[:, -1] = 2.0, 0.0
    return Latents(mean, variance, labels)


@pytest.fixture(params=PRESETS["vae"].samplers, scope="module")
def sampler(request: pytest.FixtureRequest, latents: Latents) -> Sampler:
    return standard_normal(SIZE) if request.param == "prior" else fit(request.param, latents)


def test_the_same_seed_draws_the_same_bytes(sampler: Sampler) -> None:
    one, same, other = (sampler.sample(32, seed).numpy().tobytes() for seed in (5, 5, 6))
    assert one == same != other


@pytest.mark.parametrize("name", FITTED)
def test_a_sampler_that_is_fitted_again_draws_the_same(name: str, latents: Latents) -> None:
    assert torch.equal(fit(name, latents).sample(8, 1), fit(name, latents).sample(8, 1))


def test_samples_are_finite_numbers_of_the_right_shape(sampler: Sampler) -> None:
    for temperature in (0.0, 0.5, 1.0, 3.0):
        z = sampler.sample(17, 0, temperature)
        assert z.shape == (17, SIZE)
        assert z.dtype == torch.float32
        assert z.isfinite().all()


def test_a_higher_temperature_strays_further(sampler: Sampler) -> None:
    cold, warm, hot = (sampler.sample(500, 1, temperature) for temperature in (0.0, 1.0, 2.0))
    assert torch.allclose(hot - cold, 2 * (warm - cold), atol=1e-5)
    assert (warm - cold).abs().mean() > 0.1


def test_the_spread_grows_with_the_temperature(sampler: Sampler) -> None:
    spreads = [float(sampler.sample(2000, 1, temperature).std(dim=0).norm()) for temperature in (0, 0.5, 1, 2, 3)]
    assert spreads == sorted(set(spreads))


@pytest.mark.parametrize("name", ["prior", "gaussian", "full"])
def test_at_temperature_zero_every_sample_is_the_centre(name: str, latents: Latents) -> None:
    fitted, center = (
        (standard_normal(SIZE), np.zeros(SIZE)) if name == "prior" else (fit(name, latents), latents.center)
    )
    assert np.allclose(fitted.sample(9, 4, temperature=0.0), center, atol=1e-5)


def test_at_temperature_zero_a_mixture_draws_the_centres_of_its_gaussians(latents: Latents) -> None:
    mixture = fit("mixture", latents)
    assert isinstance(mixture, GaussianMixture)
    is_center = (mixture.sample(50, 4, temperature=0.0)[:, None] == mixture.means).all(dim=2)
    assert is_center.any(dim=1).all()
    assert is_center.any(dim=0).sum() > 1


def test_a_grid_cuts_the_prior_of_two_numbers_into_equal_parts() -> None:
    z = QuantileGrid().sample(32, 0)
    assert (z.shape, grid_shape(32), grid_shape(400), grid_shape(7)) == ((32, 2), (4, 8), (20, 20), (1, 7))
    parts = torch.special.ndtr(z).view(4, 8, 2)
    assert torch.allclose(parts[0, :, 0], (torch.arange(8) + 0.5) / 8, atol=1e-6)  # from left to right
    assert torch.allclose(parts[:, 0, 1], torch.tensor([0.875, 0.625, 0.375, 0.125]), atol=1e-6)  # from the top down
    assert torch.equal(QuantileGrid().sample(32, 5, 0.5), z / 2)
    assert check_values(features="8,8,8,8,8", latent_channels=2).sources[-1] == "grid"
    assert "grid" not in check_values().sources


def test_the_prior_is_a_standard_normal() -> None:
    z = standard_normal(SIZE).sample(MANY, 0)
    assert torch.allclose(z.mean(dim=0), torch.zeros(SIZE), atol=0.03)
    assert torch.allclose(z.T.cov(), torch.eye(SIZE), atol=0.05)


def test_the_gaussian_has_the_means_and_deviations_of_the_latents(latents: Latents) -> None:
    z = fit("gaussian", latents).sample(MANY, 0).numpy()
    assert np.allclose(z.mean(axis=0), latents.center, atol=0.1)
    assert np.allclose(z.std(axis=0), latents.deviation, atol=0.1)
    assert abs(np.corrcoef(z[:, 0], z[:, 1])[0, 1]) < 0.03


def test_the_full_gaussian_has_their_covariance_too(latents: Latents) -> None:
    z = fit("full", latents).sample(MANY, 0).numpy()
    assert np.allclose(np.cov(z, rowvar=False), latents.covariance, atol=0.2)
    assert abs(latents.covariance[0, 1]) > 1


def test_the_mixture_draws_from_the_clouds_and_not_from_between_them(latents: Latents) -> None:
    centers = np.stack([latents.mean[latents.labels == label].mean(axis=0) for label in range(3)])

    def away(name: str) -> Floats:
        z = fit(name, latents).sample(2000, 0).numpy()
        distances: Floats = np.linalg.norm(z[:, None] - centers, axis=2).min(axis=1)
        return distances

    assert np.quantile(away("mixture"), 0.95) < 3
    assert np.quantile(away("full"), 0.5) > 2
    nearest = np.linalg.norm(fit("mixture", latents).sample(3000, 0).numpy()[:, None] - centers, axis=2).argmin(axis=1)
    assert np.bincount(nearest, minlength=3).min() > 700


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("preset", MODELS)
def test_samples_are_finite_where_latent_numbers_never_vary(preset: str, name: str) -> None:
    torch.manual_seed(0)
    model = MODELS[preset]().eval()  # untrained: its latents hardly vary
    last = last_convolution(model) if preset == "vae" else last_normalisation(model.encoder)
    torch.nn.init.zeros_(last.weight[1])  # and the 16 numbers of channel 1 do not at all
    assert last.bias is not None
    torch.nn.init.constant_(last.bias[1], 0.1)
    images = load_image_set("mnist-5k")
    latents = encode(model, images.train_images[:100], images.train_labels[:100])
    assert (latents.mean[:, 16:32] == latents.mean[0, 16]).all()
    z = fit(name, latents).sample(50, 0)
    assert z.isfinite().all()
    assert model.decode(z.view(-1, 4, 4, 4)).isfinite().all()
    if preset == "ae" and name in ("gaussian", "full"):
        assert np.allclose(z[:, 16:32], latents.mean[0, 16], atol=1e-4)


@pytest.mark.parametrize("temperature", [0, 3, "0", "1.5", " 3 "])
def test_a_temperature_within_bounds_is_taken_as_typed(temperature: float | str) -> None:
    assert check_temperature(temperature) == float(temperature)


@pytest.mark.parametrize("temperature", [-0.1, 3.1, -1, 4, math.nan, math.inf, "warm", "-1", "", "nan"])
def test_a_temperature_out_of_bounds_is_refused(temperature: float | str) -> None:
    with pytest.raises(ConfigError, match="temperature must be from 0 to 3, not"):
        check_temperature(temperature)
    if not isinstance(temperature, str):
        with pytest.raises(ConfigError, match="temperature must be from 0 to 3"):
            standard_normal(SIZE).sample(1, 0, temperature)


def test_an_unknown_sampler_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="sampler must be one of prior, gaussian, full, mixture, not 'flow'"):
        check_sampler("flow", PRESETS["vae"].samplers)
    with pytest.raises(ConfigError, match="sampler must be one of prior, gaussian, full, mixture, not 'learned'"):
        check_sampler("learned", PRESETS["ae"].samplers)
    assert check_sampler("learned", PRESETS["prior"].samplers) == "learned"


def test_every_preset_begins_with_the_sampler_that_suits_it() -> None:
    begun = {preset.name: preset.default_sampler for preset in PRESETS.values()}
    assert begun == {"ae": "gaussian", "vae": "prior", "vae-post": "prior", "prior": "learned"}


def test_each_sample_is_of_its_gaussian() -> None:
    weights, means, factors = torch.tensor([0.3, 0.7]), torch.randn(2, 3), torch.randn(2, 3, 3)
    z = GaussianMixture(weights, means, factors).sample(50, seed=4, temperature=0.5)
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(50, 3, generator=generator)
    chosen = torch.multinomial(weights, 50, replacement=True, generator=generator)
    one_by_one = [means[k] + 0.5 * factors[k] @ n for k, n in zip(chosen, noise, strict=True)]
    assert torch.allclose(z, torch.stack(one_by_one), atol=1e-6)


def test_many_samples_of_many_numbers_need_no_factor_each() -> None:
    z = standard_normal(1024).sample(10_000, seed=3)  # factors would be 42 GB
    assert torch.equal(z, torch.randn(10_000, 1024, generator=torch.Generator().manual_seed(3)))
