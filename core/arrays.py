"""Names of array types, shared by everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Labels = npt.NDArray[np.int64]
Images = npt.NDArray[np.float32]  # in [0, 1]
Column = npt.NDArray[np.float64]
