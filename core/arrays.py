"""Names of array types, and the even selection: shared by everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Labels = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Images = npt.NDArray[np.float32]  # in [0, 1]
Column = npt.NDArray[np.float64]


def evenly_spaced(total: int, limit: int) -> Labels:
    """The indices of `limit` of `total` items, or of all where there are fewer, evenly spaced from the first."""
    count = min(limit, total)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)
