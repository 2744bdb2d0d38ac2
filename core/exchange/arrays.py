"""Arrays as the bytes of a file that numpy, and most programs besides, read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SUFFIX = ".npz"


def to_npz(**arrays: ArrayLike) -> bytes:
    """The arrays by their names, compressed; nothing in it is pickled."""
    file = io.BytesIO()
    content: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    if objects := [name for name, array in content.items() if array.dtype.hasobject]:
        raise TypeError(f"{', '.join(objects)}: no array of numbers or words")  # which would be pickled
    np.savez_compressed(file, **content)
    return file.getvalue()
