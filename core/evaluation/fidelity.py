"""Distances of generated images from real ones, in the features and classes that a classifier gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.arrays import Floats
from core.latents.samplers import covariance_root

NEIGHBOURS = 3
BLOCK = 500  # points whose distances to all others are held at once: 40 MB for 10,000 others


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A mean (D,) and a covariance (D, D), which may be singular."""

    mean: Floats
    covariance: Floats


def fit_gaussian(features: Tensor) -> Gaussian:
    """The mean and the unbiased covariance of features (N, D), N at least 2."""
    values = features.double().numpy()
    with threadpool_limits(1):  # the same bits with any number of threads, which would wait for each other
        covariance = np.cov(values, rowvar=False)
    return Gaussian(values.mean(axis=0), covariance.reshape(values.shape[1], -1))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """The squared Fréchet distance of two Gaussians. Dowson & Landau 1982; Heusel et al. 2017, equation 6.

    The trace of (C1 C2)^(1/2) is taken as the nuclear norm of F1^T F2 with F F^T = C: no root of a product that
    rounding has made indefinite is needed.
    """
    with threadpool_limits(1):  # threads only wait for each other on matrices this small
        common = np.linalg.norm(covariance_root(one.covariance).T @ covariance_root(other.covariance), "nuc")
    spread = np.trace(one.covariance) + np.trace(other.covariance) - 2 * common
    return max(0.0, float(np.square(one.mean - other.mean).sum() + spread))


@dataclass(frozen=True, eq=False)
class Manifold:
    """Points (N, D), each with a ball (N,) that reaches to its third nearest neighbour among them."""

    points: Tensor
    radii: Tensor

    @classmethod
    def around(cls, features: Tensor) -> Manifold:
        """The manifold of features (N, D). Kynkäänniemi et al. 2019, section 2. Raises ValueError for N below 4."""
        if len(features) <= NEIGHBOURS:
            raise ValueError(f"a manifold needs more than {NEIGHBOURS} points, not {len(features)}")
        points = features.double()  # in single precision a point is as far from itself as some are from others
        nearest = [torch.cdist(block, points).kthvalue(NEIGHBOURS + 1).values for block in points.split(BLOCK)]
        return cls(points, torch.cat(nearest))

    def fraction_inside(self, other: Manifold) -> float:
        """The fraction of the points of another manifold that lie in a ball of this one."""
        inside = [(torch.cdist(block, self.points) <= self.radii).any(dim=1) for block in other.points.split(BLOCK)]
        return float(torch.cat(inside).double().mean())


def precision(real: Manifold, generated: Manifold) -> float:
    """The fraction of generated points inside the manifold of the real ones. Kynkäänniemi et al. 2019, equation 3."""
    return real.fraction_inside(generated)


def recall(real: Manifold, generated: Manifold) -> float:
    """The fraction of real points inside the manifold of the generated ones. Kynkäänniemi et al. 2019, equation 3."""
    return generated.fraction_inside(real)


def authenticity(real: Tensor, generated: Tensor) -> float:
    """The fraction of generated points (M, D) that are no copies of real ones (N, D), N at least 2.

    A copy lies nearer to its nearest real point than that one lies to its nearest other. Alaa et al. 2022, section 3.3.
    """
    real, authentic = real.double(), []
    for block in generated.double().split(max(1, BLOCK * 10_000 // len(real))):
        distances, nearest = torch.cdist(block, real).min(dim=1)
        among_real = torch.cdist(real[nearest], real).kthvalue(2).values  # the first one is itself
        authentic.append(distances >= among_real)
    return float(torch.cat(authentic).double().mean())


def class_shares(labels: Tensor, classes: int) -> Tensor:
    """The frequency of each class in labels (N,), (classes,); they sum to 1."""
    return labels.bincount(minlength=classes).double() / len(labels)


def class_balance(shares: Tensor, wanted: Tensor) -> float:
    """The overlap of two distributions over classes, each (classes,): 1 - their total variation distance."""
    return float(torch.minimum(shares, wanted).sum())
