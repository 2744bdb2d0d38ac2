"""Samplers draw what they are fitted to, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core.choices import SAMPLERS, check_temperature, default_sampler
from core.config import ConfigError
from core.latent import Latents
from core.sampling import Sampler, fit, prior

SIZE = 6
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


@pytest.fixture(params=SAMPLERS, scope="module")
def sampler(request: pytest.FixtureRequest, latents: Latents) -> Sampler:
    return fit(request.param, latents)


def test_the_same_seed_draws_the_same_bytes(sampler: Sampler) -> None:
    one, same, other = (sampler.sample(32, seed).numpy().tobytes() for seed in (5, 5, 6))
    assert one == same != other


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


def test_the_prior_is_a_standard_normal() -> None:
    z = prior(SIZE).sample(MANY, 0)
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

    def away(name: str) -> np.ndarray:
        z = fit(name, latents).sample(2000, 0).numpy()
        return np.linalg.norm(z[:, None] - centers, axis=2).min(axis=1)

    assert np.quantile(away("mixture"), 0.95) < 3
    assert np.quantile(away("full"), 0.5) > 2
    nearest = np.linalg.norm(fit("mixture", latents).sample(3000, 0).numpy()[:, None] - centers, axis=2).argmin(axis=1)
    assert np.bincount(nearest, minlength=3).min() > 700


@pytest.mark.parametrize("temperature", [-0.1, 3.1, math.nan, math.inf, "warm", "-1"])
def test_a_temperature_out_of_bounds_is_refused(temperature: float | str) -> None:
    with pytest.raises(ConfigError, match="temperature must be from 0 to 3, not"):
        check_temperature(temperature)
    if isinstance(temperature, float):
        with pytest.raises(ConfigError, match="temperature must be from 0 to 3"):
            prior(SIZE).sample(1, 0, temperature)


def test_an_unknown_sampler_is_refused_with_those_there_are(latents: Latents) -> None:
    with pytest.raises(ConfigError, match="sampler must be one of prior, gaussian, full, mixture, not 'flow'"):
        fit("flow", latents)


def test_an_autoencoder_begins_with_the_fitted_gaussian_and_others_with_the_prior() -> None:
    assert [default_sampler(preset) for preset in ("ae", "vae", "vae-post")] == ["gaussian", "prior", "prior"]
