"""Projections of latents to the plane and back: linear discriminants, principal components, two latent numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from core.arrays import Floats, Labels
from core.latents.aggregate import Latents
from core.latents.options import number_name

# The exponent of responsibilities on the way back from the plane: 1 would mix all digits that could lie there into one
# that is none of them.
SHARPNESS = 8.0
RIDGE = 0.01  # of the variance of the number that varies most, which discriminants see in every direction besides
LEAST_SEPARATION = 1e-9  # of that of the first discriminant; what is smaller is rounding


class ProjectionError(ValueError):
    """Latents that cannot be projected this way; the text is one line that says why."""


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """Takes z for the class k with the largest z W_k + b_k."""

    weights: Floats  # (D, K)
    biases: Floats  # (K,)
    classes: Labels  # (K,)

    def predict(self, z: Floats) -> Labels:
        """Classes (N,) of latents (N, D)."""
        found: Labels = self.classes[(z @ self.weights + self.biases).argmax(axis=1)]
        return found


@dataclass(frozen=True, eq=False)
class Projection:
    """A linear map of latents to the plane, y = (z - origin) W, and the way back.

    The way back models z as a mixture of K Gaussians with a common covariance: K is 1, or for LDA, whose model this is,
    the number of classes.
    """

    name: str
    axes: tuple[str, str]
    weights: Floats  # (D, 2)
    origin: Floats  # (D,)
    means: Floats  # (K, D)
    shares: Floats  # (K,)
    covariance: Floats  # (D, D)
    explained: tuple[float, float] | None = None
    classifier: LinearClassifier | None = None
    numbers: tuple[int, int] | None = None  # the latent numbers that are the axes, if any

    def project(self, z: Floats) -> Floats:
        """Points (N, 2) of latents (N, D)."""
        points: Floats = (z.astype(np.float64) - self.origin) @ self.weights
        return points

    def invert(self, points: Floats) -> Floats:
        """The most likely latents (N, D) of points (N, 2), in the Gaussian that is responsible for the point.

        Bishop 2006, equation 2.81. Near the border of two Gaussians the latents of both are mixed, so that a path
        through the plane has no jumps.
        """
        centers = self.project(self.means)
        offsets = points[:, None] - centers  # (N, K, 2)
        spread = self.covariance @ self.weights
        # Numbers that never vary make this singular; the pseudo-inverse leaves them at their mean.
        precision = np.linalg.pinv(self.weights.T @ spread)
        distances = np.einsum("nki,ij,nkj->nk", offsets, precision, offsets)
        likelihoods = SHARPNESS * (np.log(self.shares) - distances / 2)
        responsibilities = np.exp(likelihoods - likelihoods.max(axis=1, keepdims=True))
        responsibilities /= responsibilities.sum(axis=1, keepdims=True)
        latents: Floats = (
            responsibilities @ self.means + np.einsum("nk,nki->ni", responsibilities, offsets) @ (spread @ precision).T
        )
        return latents

    def accuracy(self, latents: Latents) -> float | None:
        """The fraction of latents that the projection's classifier assigns to their class; None without one."""
        if self.classifier is None:
            return None
        return float((self.classifier.predict(latents.mean) == latents.labels).mean())


def fit_lda(latents: Latents) -> Projection:
    """The two directions that separate the classes best. Raises ProjectionError below three classes.

    Fisher 1936 and Rao 1948, on the posterior means as in the post, but regularised (Friedman 1989): a number that
    hardly varies would get weights as large as its spread is small, and they would throw an image in which it does
    vary, or latents of other moments, far away.
    """
    classes, places, counts = np.unique(latents.labels, return_inverse=True, return_counts=True)
    if len(classes) < 3:
        raise ProjectionError(f"LDA to two dimensions needs three classes or more, not {len(classes)}; PCA needs none")
    z, shares = latents.mean.astype(np.float64), counts / len(latents)
    origin, means = z.mean(axis=0), np.stack([z[places == place].mean(axis=0) for place in range(len(classes))])
    within = z - means[places]
    if not within.any():
        raise ProjectionError("LDA needs latents that vary within their classes")
    covariance, between = within.T @ within / len(latents), (means - origin).T * shares @ (means - origin)
    regularised = covariance + RIDGE * z.var(axis=0).max() * np.eye(len(covariance))
    whitening = np.linalg.inv(np.linalg.cholesky(regularised)).T  # W with Wᵀ S W = I
    with threadpool_limits(1):  # threads only wait for each other on matrices this small
        separations, directions = np.linalg.eigh(whitening.T @ between @ whitening)
    if separations[-2] <= LEAST_SEPARATION * separations[-1]:
        raise ProjectionError("LDA needs latents that vary in two directions or more")
    coefficients = np.linalg.solve(regularised, means.T)
    return Projection(
        name="LDA",
        axes=("discriminant 1", "discriminant 2"),
        weights=whitening @ directions[:, :-3:-1],
        origin=origin,
        means=means,
        shares=shares,
        covariance=covariance,
        explained=(float(separations[-1] / separations.sum()), float(separations[-2] / separations.sum())),
        classifier=LinearClassifier(coefficients, np.log(shares) - (means.T * coefficients).sum(axis=0) / 2, classes),
    )


def fit_pca(latents: Latents) -> Projection:
    """The two directions in which the posterior means vary most. Pearson 1901, by scikit-learn."""
    from sklearn.decomposition import PCA

    with threadpool_limits(1):
        pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(latents.mean)
    first, second = map(float, pca.explained_variance_ratio_)
    return _one_gaussian("PCA", ("component 1", "component 2"), pca.components_.T, latents, (first, second))


def pick_dims(latents: Latents, numbers: tuple[int, int]) -> Projection:
    """Two latent numbers themselves, as in the post's first scatter plot. Raises ProjectionError."""
    size = latents.mean.shape[1]
    if not all(0 <= number < size for number in numbers):
        raise ProjectionError(f"latent numbers are from 0 to {size - 1}, not {numbers[0]} and {numbers[1]}")
    weights = np.zeros((size, 2))
    weights[numbers, (0, 1)] = 1.0
    axes = (number_name(numbers[0], latents.shape), number_name(numbers[1], latents.shape))
    return replace(_one_gaussian("dims", axes, weights, latents), numbers=numbers)


def _one_gaussian(
    name: str,
    axes: tuple[str, str],
    weights: Floats,
    latents: Latents,
    explained: tuple[float, float] | None = None,
) -> Projection:
    origin = np.zeros(len(weights)) if explained is None else latents.center
    covariance = np.cov(latents.mean, rowvar=False, bias=True)
    return Projection(name, axes, weights, origin, latents.center[None], np.ones(1), covariance, explained)


def most_active(latents: Latents) -> tuple[int, int]:
    """The two latent numbers whose posterior means vary most."""
    second, first = np.argsort(latents.mean.var(axis=0))[-2:].tolist()
    return first, second
