"""Where new latents come from: Gaussians and mixtures of them, behind the interface of every sampler.

Their names are in `options`; which of them a preset has is in its record, in core/runs/settings.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.arrays import Floats
from core.latents.aggregate import Latents
from core.latents.options import check_temperature, grid_shape

COMPONENTS = 10
ITERATIONS = 30
AT_ONCE = 5  # iterations of up to SMALL latent numbers, a few tenths of a second; one of more takes as long or longer
SMALL = 128


class Sampler(Protocol):
    """Draws latents."""

    def sample(self, count: int, seed: int, temperature: float = 1.0) -> Tensor:
        """Latents (count, D), the same for the same seed; temperature scales how far they stray."""


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """K Gaussians: weights (K,), means (K, D) and factors (K, D, D) whose F F^T are the covariances."""

    weights: Tensor
    means: Tensor
    factors: Tensor

    def sample(self, count: int, seed: int, temperature: float = 1.0) -> Tensor:
        """Latents (count, D). Raises ConfigError for a temperature out of bounds."""
        check_temperature(temperature)
        generator = torch.Generator().manual_seed(seed)
        size = self.means.shape[1]
        noise = torch.randn(count, size, generator=generator)
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        z = self.means[chosen]
        for number, factor in enumerate(self.factors):  # each once: a factor for every sample may be gigabytes
            its = chosen == number
            z[its] += temperature * noise[its] @ factor.T
        return z


class QuantileGrid:
    """Two latent numbers at the quantiles of N(0, 1), which cut it into equal parts. Kingma & Welling 2014, figure 4.

    The first number grows from left to right, the second from the bottom to the top, row by row; rows and columns are
    as nearly as many as the count allows, and no fewer columns than rows.
    """

    def sample(self, count: int, seed: int, temperature: float = 1.0) -> Tensor:
        """Latents (count, 2), the same for every seed. Raises ConfigError for a temperature out of bounds."""
        check_temperature(temperature)
        rows, columns = grid_shape(count)
        x, y = (torch.special.ndtri((torch.arange(size) + 0.5) / size) for size in (columns, rows))
        return temperature * torch.cartesian_prod(y.flip(0), x).flip(1)


def standard_normal(size: int) -> Sampler:
    """N(0, I) over D = `size` numbers: the prior of a variational autoencoder."""
    return GaussianMixture(torch.ones(1), torch.zeros(1, size), torch.eye(size)[None])


def fit(name: str, latents: Latents, report: Callable[[float], object] = lambda part: None) -> Sampler:
    """One or more Gaussians fitted to the aggregate posterior.

    `report` is told now and then which part of the time at most is over; what it raises ends the fit.
    """
    match name:
        case "gaussian":
            return _mixture([1.0], latents.center[None], np.diag(latents.deviation)[None])
        case "full":
            return _mixture([1.0], latents.center[None], covariance_root(latents.covariance[None]))
        case "mixture":
            return _fit_mixture(latents, report)
        case _:
            raise ValueError(f"{name} is not fitted to latents")


def covariance_root(covariances: Floats) -> Floats:
    """F of the same shape (..., D, D) with F F^T = C; a covariance may be singular: some numbers never vary."""
    values, vectors = np.linalg.eigh(covariances)
    factors: Floats = vectors * np.sqrt(values.clip(min=0))[..., None, :]
    return factors


def _fit_mixture(latents: Latents, report: Callable[[float], object]) -> GaussianMixture:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    z = latents.draw()
    at_once = AT_ONCE if z.shape[1] <= SMALL else 1
    mixture = BayesianGaussianMixture(
        n_components=COMPONENTS, max_iter=at_once, tol=1e-2, random_state=0, warm_start=True
    )
    with warnings.catch_warnings(), threadpool_limits(1):
        # Further iterations move the Gaussians by less than samples show. Threads only wait for each other on
        # matrices this small: with a trainer beside them the fit takes forty times as long.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for done in range(0, ITERATIONS, at_once):
            mixture.fit(z)
            if mixture.converged_:
                break
            report((done + at_once) / ITERATIONS)
    return _mixture(mixture.weights_, mixture.means_, covariance_root(mixture.covariances_))


def _mixture(weights: Any, means: Floats, factors: Floats) -> GaussianMixture:
    return GaussianMixture(
        *(torch.as_tensor(np.asarray(part), dtype=torch.float32) for part in (weights, means, factors))
    )
