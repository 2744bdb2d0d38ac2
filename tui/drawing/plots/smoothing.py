"""Exponential smoothing of long series, and the mean of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.arrays import Column, Floats

BLOCK = 32
DIGITS = 40.0  # e to the minus this is nothing beside 1


def exponential(y: Floats, weight: float) -> Column:
    """The exponentially weighted mean of the values up to each, (N,), without bias to zero at the start.

    A value counts `weight` times as much as the next one. What is not finite counts nothing and stays as it is.
    ValueError for a weight outside [0, 1).
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight is {weight}, must be at least 0 and below 1")
    finite = np.isfinite(y)
    if not finite.all():
        smoothed = np.full(len(y), np.nan)
        smoothed[finite] = exponential(y[finite], weight)
        return smoothed
    if not len(y) or weight == 0:
        return np.asarray(y, np.float64)
    # The mean of what is left of the first value: sums of large numbers lose no digits.
    first = float(y[0])
    sums = _sums(np.asarray(y, np.float64) - first, weight)
    sums *= 1 - weight
    # The weights of all values before sum up to less than 1 at the start, and soon to 1 in every digit.
    start = min(len(y), int(np.ceil(DIGITS / -np.log(weight))))
    sums[:start] /= -np.expm1(np.arange(1.0, start + 1) * np.log(weight))
    sums += first
    return sums


def _sums(y: Column, weight: float) -> Column:
    """The sum of y[i - k] * weight**k over all k, for each i: within blocks at once, then what those before leave."""
    blocks = -(-len(y) // BLOCK)
    padded = np.concatenate((y, np.zeros(blocks * BLOCK - len(y))))
    lag = np.subtract.outer(np.arange(BLOCK), np.arange(BLOCK))
    inside = np.where(lag >= 0, weight ** np.maximum(lag, 0.0), 0.0)
    sums = padded.reshape(blocks, BLOCK) @ inside.T
    if blocks > 1:
        carried = np.zeros(blocks)
        ends = sums[:-1, -1]
        factor = weight**BLOCK
        carried[1:] = _sums(ends, factor) if factor > 1e-300 else ends
        sums += carried[:, None] * weight ** np.arange(1.0, BLOCK + 1)
    return np.asarray(sums.ravel()[: len(y)])


def binned(x: Column, y: Column, edges: Column) -> Column:
    """The mean of the finite y in each bin between edges (N + 1,): (N,), NaN where a bin is empty. x must ascend."""
    finite = np.isfinite(y)
    sums = np.concatenate(([0.0], np.cumsum(np.where(finite, y, 0.0))))
    counts = np.concatenate(([0], np.cumsum(finite)))
    starts = np.searchsorted(x, edges)
    count = np.diff(counts[starts])
    return np.asarray(np.where(count > 0, np.diff(sums[starts]) / np.maximum(count, 1), np.nan))


def mean_and_band(series: Sequence[Column]) -> tuple[Column, Column, Column]:
    """Mean, smallest and largest of several series, (N,) each, NaN where not all of them have a value."""
    together = np.stack(series)
    return together.mean(axis=0), together.min(axis=0), together.max(axis=0)
