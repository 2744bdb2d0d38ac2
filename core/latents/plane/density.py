"""How dense latents lie in the plane: the aggregate posterior beside what a sampler draws, on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.arrays import Floats, Integers

GRID = 256  # cells along each axis
REACH = 3.0  # bandwidths around what is nearly all of the latents
SHARES = (0.99, 0.9, 0.5, 0.1)  # of the mass that the regions of highest density hold
EVIDENCE = 5.0  # draws in the kernel: that none falls where five would have is chance in less than 1 % of places


@dataclass(frozen=True, eq=False)
class PlaneDensity:
    """Two densities a unit of area, each (GRID, GRID) with y upwards, over the ranges x and y of the plane.

    `posterior` is that of the aggregate posterior q(z), `drawn` that of what a sampler draws; both are kernel density
    estimates with the same bandwidths, so that their ratio is not one of smoothness. `seen` is how many independent
    draws a density of 1 puts into the kernel, of whichever of the two there are fewer.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    posterior: Floats
    drawn: Floats
    seen: float

    @property
    def cell(self) -> float:
        """The area of a cell."""
        return (self.x[1] - self.x[0]) * (self.y[1] - self.y[0]) / self.posterior.size

    @property
    def middles(self) -> tuple[Floats, Floats]:
        """The values of x and of y in the middle of the cells, each (GRID,)."""
        parts = (np.arange(GRID) + 0.5) / GRID
        x, y = (start + parts * (end - start) for start, end in (self.x, self.y))
        return x, y

    @cached_property
    def overlap(self) -> float:
        """The mass that both have in common, ∫ min(q, p), from 0 to 1."""
        return float(np.minimum(self.posterior, self.drawn).sum() * self.cell)

    @cached_property
    def posterior_regions(self) -> Integers:
        """In how many of the regions of SHARES each cell of the grid lies, by the posterior."""
        return regions(self.posterior)

    @cached_property
    def drawn_regions(self) -> Integers:
        """The same by what is drawn."""
        return regions(self.drawn)

    @cached_property
    def log_ratio(self) -> Floats:
        """log2 of posterior / drawn, NaN outside of the largest regions of both and where there is no evidence.

        There is where the denser of the two, were both as dense, would have put EVIDENCE draws of each into the kernel.
        """
        floor = 1e-12 * max(float(self.posterior.max()), float(self.drawn.max()))
        ratio: Floats = np.log2((self.posterior + floor) / (self.drawn + floor))
        known = np.maximum(self.posterior, self.drawn) * self.seen >= EVIDENCE
        return np.where(known & ((self.posterior_regions > 0) | (self.drawn_regions > 0)), ratio, np.nan)

    def limits(self, share: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """The ranges of x and y that hold the posterior's region of highest density of one of SHARES."""
        inside = self.posterior_regions > SHARES.index(share)
        found = []
        for axis, (start, end) in enumerate((self.x, self.y)):
            used = np.flatnonzero(inside.any(axis=axis))
            first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, GRID)
            found.append((start + first * (end - start) / GRID, start + last * (end - start) / GRID))
        return found[0], found[1]

    def places(self, x: Floats, y: Floats) -> tuple[Integers, Integers]:
        """Rows (len(y),) and columns (len(x),) of the grid at these values; -1 outside of it."""
        return _place(y, self.y), _place(x, self.x)


def _place(values: Floats, limits: tuple[float, float]) -> Integers:
    found = np.floor((values - limits[0]) / (limits[1] - limits[0]) * GRID).astype(int)
    return np.where((found >= 0) & (found < GRID), found, -1)


def regions(density: Floats) -> Integers:
    """In how many of the regions of highest density that hold SHARES of the mass each cell lies. Hyndman 1996."""
    ranked = np.sort(density, axis=None)[::-1]
    mass = np.cumsum(ranked)
    if not mass[-1] > 0:
        return np.zeros(density.shape, dtype=int)
    thresholds = [ranked[np.searchsorted(mass, share * mass[-1])] for share in SHARES]
    inside: Integers = np.sum([density >= threshold for threshold in thresholds], axis=0) * (density > 0)
    return inside


@dataclass(frozen=True, eq=False)
class PlaneGaussians:
    """A mixture of Gaussians in the plane: weights (K,), means (K, 2) and covariances (K, 2, 2)."""

    weights: Floats
    means: Floats
    covariances: Floats

    @property
    def draws(self) -> float:
        """How many draws it rests on."""
        return np.inf

    def limits(self) -> Floats:
        """What holds nearly all of it, the least and the most x and y, (2, 2)."""
        reach = REACH * np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))
        return np.stack([(self.means - reach).min(axis=0), (self.means + reach).max(axis=0)])

    def smoothed(self, box: list[tuple[float, float]], bandwidths: Floats) -> Floats:
        """Its density (GRID, GRID) in a box after a kernel of these bandwidths: a sum of Gaussians again."""
        x, y = (start + (np.arange(GRID) + 0.5) * (end - start) / GRID for start, end in box)
        density = np.zeros((GRID, GRID))
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            whole = covariance + np.diag(np.square(bandwidths))
            (a, b), (_, d) = np.linalg.inv(whole)
            across, down = x - mean[0], (y - mean[1])[:, None]
            distances = a * across**2 + 2 * b * across * down + d * down**2
            density += weight * np.exp(-distances / 2) / (2 * np.pi * np.sqrt(np.linalg.det(whole)))
        return density


@dataclass(frozen=True, eq=False)
class PlanePoints:
    """Draws of a distribution in the plane, (N, 2)."""

    points: Floats

    @property
    def draws(self) -> float:
        """How many there are."""
        return len(self.points)

    def limits(self) -> Floats:
        """What holds nearly all of them, the least and the most x and y, (2, 2)."""
        limits: Floats = np.quantile(self.points, (0.001, 0.999), axis=0)
        return limits

    def smoothed(self, box: list[tuple[float, float]], bandwidths: Floats) -> Floats:
        """Their density (GRID, GRID) in a box, by a kernel of these bandwidths."""
        return _smoothed(self.points, box, bandwidths)


def densities(posterior: Floats, labels: Integers, drawn: PlaneGaussians | PlanePoints) -> PlaneDensity:
    """The densities of draws (R, N, 2) of the posteriors of N images, of classes (N,), and of what a sampler draws.

    A Gaussian kernel with Scott's bandwidth n^(-1/6) s, Scott 1992, where s is the deviation within the classes: that
    of all would smooth away the gaps between them. Points that are not finite do not count.
    """
    usable = np.isfinite(posterior).all(axis=(0, 2))
    images, (repeats, count, _) = posterior[:, usable], posterior[:, usable].shape
    posterior, labels = images.reshape(-1, 2), np.tile(labels[usable], repeats)
    bandwidths = np.maximum(len(posterior) ** (-1 / 6) * _within(posterior, labels), 1e-9)
    low, high = np.quantile(posterior, (0.001, 0.999), axis=0)
    middle, half = (low + high) / 2, (high - low) / 2 + REACH * bandwidths
    # What a sampler draws may lie far outside, all the more of an autoencoder: as far out as twice the latents.
    least, most = drawn.limits() + np.outer((-REACH, REACH), bandwidths)
    low = np.minimum(middle - half, np.maximum(least, middle - 2 * half))
    high = np.maximum(middle + half, np.minimum(most, middle + 2 * half))
    box = [(float(start), float(end)) for start, end in zip(low, high, strict=True)]
    # Draws of one image lie together: as far as they are wider than the kernel they tell more than one does.
    widths = np.sqrt(1 + images.var(axis=0).mean(axis=0) / np.square(bandwidths))
    independent = min(float(count * widths.prod()), repeats * count, drawn.draws)
    seen = independent * 4 * np.pi * float(bandwidths.prod())  # of a product of two kernels the integral is 1 / this
    return PlaneDensity(box[0], box[1], _smoothed(posterior, box, bandwidths), drawn.smoothed(box, bandwidths), seen)


def _within(points: Floats, labels: Integers) -> Floats:
    """The deviation of points (N, 2) from the means of their classes, (2,)."""
    centers = np.zeros((int(labels.max(initial=0)) + 1, 2))
    np.add.at(centers, labels, points)
    centers /= np.maximum(np.bincount(labels), 1)[:, None]
    deviation: Floats = np.sqrt(np.square(points - centers[labels]).mean(axis=0))
    return deviation


def _smoothed(points: Floats, box: list[tuple[float, float]], bandwidths: Floats) -> Floats:
    """The density (GRID, GRID) of points (N, 2) in a box; those outside count as points all the same."""
    counts: Floats = np.histogram2d(points[:, 1], points[:, 0], GRID, range=(box[1], box[0]))[0]
    sizes = [(end - start) / GRID for start, end in box]
    for axis, (size, bandwidth) in enumerate(zip(sizes[::-1], bandwidths[::-1], strict=True)):
        counts = _blurred(counts, bandwidth / size, axis)
    density: Floats = counts / (max(len(points), 1) * sizes[0] * sizes[1])
    return density


def _blurred(values: Floats, deviation: float, axis: int) -> Floats:
    """Values smoothed along an axis by a Gaussian whose deviation is so many cells."""
    reach = min(int(np.ceil(4 * deviation)), (GRID - 1) // 2)  # a longer kernel would make longer rows
    kernel = np.exp(-np.square(np.arange(-reach, reach + 1)) / (2 * max(deviation, 1e-3) ** 2))
    kernel /= kernel.sum()
    blurred: Floats = np.apply_along_axis(np.convolve, axis, values, kernel, mode="same")
    return blurred
