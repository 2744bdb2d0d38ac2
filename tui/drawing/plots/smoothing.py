"""Exponential smoothing of long series, and the mean of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.arrays import Column, Floats

BLOCK = 512
CHUNK = 64 * BLOCK  # numbers at a time, which stay in a core's cache
GROWTH = 460.0  # e to the power of this is a number yet
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

    In blocks, by running sums of what grows as fast as weights fall, and then what the blocks before leave. In one
    thread and little memory: a trainer may have the rest of the machine.
    """
    block = max(1, min(BLOCK, int(GROWTH / -np.log(weight))))
    powers = weight ** np.arange(1.0, block + 1)
    growing, factor = (1 - weight) / powers, float(powers[-1])
    means = np.empty(len(y))
    at_once = max(1, CHUNK // block) * block
    room = np.zeros((at_once // block, block))
    for start in range(0, len(y), at_once):
        part = y[start : start + at_once]
        if len(part) < at_once:
            part = np.concatenate((part, np.zeros(at_once - len(part))))
        np.multiply(part.reshape(-1, block), growing, out=room)
        np.cumsum(room, axis=1, out=room)
        carried = _carried((room[:, -1] * factor).tolist(), factor, before)
        before = carried.pop()
        np.add(room, np.array(carried)[:, None], out=room)
        np.multiply(room, powers, out=room)
        means[start : start + at_once] = room.ravel()[: len(y) - start]
    return means


def _carried(ends: Sequence[float], factor: float, before: float) -> list[float]:
    """What is left of all before where each block starts, and after the last; `ends` are the sums within each."""
    carried = [before]
    for end in ends:
        carried.append(carried[-1] * factor + end)
    return carried


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
