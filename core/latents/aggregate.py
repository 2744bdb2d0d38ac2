"""The aggregate posterior: the latents of many images as arrays, and their moments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.arrays import Floats, Labels
from core.shapes import LATENT_SHAPE


@dataclass(frozen=True, eq=False)
class Latents:
    """Posteriors of N images: mean and variance, each (N, D); labels (N,). An autoencoder's variance is 0.

    `shape` (C, h, w) is that of one latent, of whose D numbers the last dimension changes first.
    """

    mean: Floats
    variance: Floats
    labels: Labels
    shape: tuple[int, int, int] = LATENT_SHAPE

    def __len__(self) -> int:
        return len(self.mean)

    def draw(self, seed: int = 0) -> Floats:
        """One sample of each posterior, (N, D): together they are samples of the aggregate posterior."""
        noise = np.random.default_rng(seed).standard_normal(self.mean.shape)
        return self.mean + np.sqrt(self.variance) * noise

    @cached_property
    def center(self) -> Floats:
        """The mean of the aggregate posterior, (D,)."""
        center: Floats = self.mean.mean(axis=0, dtype=np.float64)
        return center

    @cached_property
    def covariance(self) -> Floats:
        """The covariance of the aggregate posterior, (D, D): that of the means plus the mean variance."""
        between = np.cov(self.mean.astype(np.float64), rowvar=False, bias=True)
        return between + np.diag(self.variance.mean(axis=0, dtype=np.float64))

    @cached_property
    def deviation(self) -> Floats:
        """The standard deviation of each latent number in the aggregate posterior, (D,)."""
        return np.sqrt(np.diag(self.covariance))
