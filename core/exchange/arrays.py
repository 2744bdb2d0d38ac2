"""Arrays as the bytes of a file that numpy, and most programs besides, read."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import ArrayLike

SUFFIX = ".npz"


def to_npz(**arrays: ArrayLike) -> bytes:
    """The arrays by their names, compressed; nothing in it is pickled."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **{name: np.asarray(array) for name, array in arrays.items()})
    return file.getvalue()
