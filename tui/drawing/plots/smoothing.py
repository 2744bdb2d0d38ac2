"""Exponential smoothing of long series, and the mean of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.arrays import Column, Floats

BLOCK = 16
CHUNK = 1024  # blocks at a time, which stay in a core's cache; a larger product would take more threads
DIGITS = 40.0  # e to the minus this is nothing beside 1


def exponential(y: Floats, weight: float) -> Column:
    """The exponentially weighted mean of the values up to each, (N,), without bias to zero at the start.

    A value counts `weight` times as much as the next one. What is not finite counts nothing and stays as it is.
    ValueError for a weight outside [0, 1).
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight is {weight}, must be at least 0 and below 1")
    if not len(y) or weight == 0:
        return np.asarray(y, np.float64)
    finite = np.isfinite(y)
    if not finite.all():
        smoothed = np.full(len(y), np.nan)
        smoothed[finite] = exponential(y[finite], weight)
        return smoothed
    # As if the first value had been there for ever: sums of large numbers lose no digits.
    first = float(y[0])
    means = _means(np.asarray(y, np.float64), weight, first)
    # The weights of all values before sum up to less than 1 at the start, and soon to 1 in every digit.
    start = min(len(y), int(np.ceil(DIGITS / -np.log(weight))))
    means[:start] = (means[:start] - first) / -np.expm1(np.arange(1.0, start + 1) * np.log(weight)) + first
    return means


class Smoothing:
    """The exponentially weighted mean of a series that only grows: what was smoothed before stays as it is."""

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._settled = int(np.ceil(DIGITS / -np.log(weight)))  # values after which nothing is left of the start
        self._means = np.empty(0)
        self._count = 0
        self._of: object = None

    def of(self, y: Column) -> Column:
        """That of a column, (N,), which later calls do not change.

        Where it is of the same array as the last one was, and no shorter, what it has more is smoothed only.
        """
        count, whole = self._count, y if y.base is None else y.base
        goes_on = whole is self._of and self._settled <= count <= len(y) and bool(np.isfinite(y[count:]).all())
        if not goes_on or not count or not np.isfinite(self._means[count - 1]):
            self._means, self._count, self._of = exponential(y, self._weight), len(y), whole
            return self._means
        if len(y) > len(self._means):
            room = np.empty(2 * len(y))
            room[:count] = self._means[:count]
            self._means = room
        if len(y) > count:
            more = _means(np.asarray(y[count:], np.float64), self._weight, float(self._means[count - 1]))
            self._means[count : len(y)] = more
        self._count = len(y)
        return self._means[: len(y)]


def _means(y: Column, weight: float, before: float) -> Column:
    """For each i (1 - weight) times the sum of y[i - k] * weight**k over all k, (N,); before y[0] all is `before`.

    In blocks, each a product with one matrix, and then what the blocks before leave, which is smoothed alike. In one
    thread and little memory: a trainer may have the rest of the machine.
    """
    places = np.arange(BLOCK)
    lag = places - places[:, None]
    within = np.where(lag >= 0, (1 - weight) * weight ** np.maximum(lag, 0.0), 0.0)
    whole, rest = divmod(len(y), BLOCK)
    means = np.empty((whole + (rest > 0), BLOCK))
    blocks = y[: whole * BLOCK].reshape(-1, BLOCK)
    for start in range(0, whole, CHUNK):
        end = min(start + CHUNK, whole)
        np.matmul(blocks[start:end], within, out=means[start:end])
    if rest:
        means[-1] = y[-rest:] @ within[:rest]
    carried, factor = np.array([before]), weight**BLOCK
    if len(means) > 1:
        carried = np.concatenate((carried, _means(means[:-1, -1] / (1 - factor), factor, before)))
    fading = weight ** (places + 1.0)
    for start in range(0, len(means), CHUNK):
        means[start : start + CHUNK] += np.multiply.outer(carried[start : start + CHUNK], fading)
    return means.ravel()[: len(y)]


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
