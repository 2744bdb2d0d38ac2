"""Reads IDX, the file format of MNIST and the sets after it, trusting no header."""

from __future__ import annotations

import math
import os
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import DamagedFile

if TYPE_CHECKING:
    from numpy.typing import NDArray


VALUE_CODES = {"u1": 8, ">i4": 12}


def read(path: Path, value: str, item_shape: tuple[int, ...], limit: int) -> NDArray[Any]:
    """The array (N, *item_shape) of a file: magic number, N and the item's shape, then the values.

    `value` is a type of VALUE_CODES, N at most `limit`. The size of the file is held against the header
    before anything of that size is read. torchvision has a reader too; importing it takes over a second.
    Raises DamagedFile or OSError.
    """
    import numpy as np

    count = check(path, value, item_shape, limit)
    values = count * math.prod(item_shape)
    header_size = 4 * (2 + len(item_shape))
    return np.fromfile(path, value, values, offset=header_size).reshape(count, *item_shape)


def check(path: Path, value: str, item_shape: tuple[int, ...], limit: int) -> int:
    """The number of items of a file that is what `read` takes it for, by its header and its size.

    Raises DamagedFile or OSError.
    """
    magic = bytes((0, 0, VALUE_CODES[value], 1 + len(item_shape)))
    header_size = 4 * (2 + len(item_shape))
    # Opening a FIFO would wait for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise DamagedFile(path, "it is not a regular file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = file.read(header_size)
        if len(header) < header_size:
            raise DamagedFile(path, f"it has {size:,} bytes, its header alone takes {header_size}")
        if header[:4] != magic:
            raise DamagedFile(path, f"it begins with {header[:4].hex()}, not {magic.hex()}")
        count, *found = struct.unpack(f">{1 + len(item_shape)}I", header[4:])
        if tuple(found) != item_shape:
            raise DamagedFile(path, f"its items are {_times(found)}, not {_times(item_shape)}")
        if not 1 <= count <= limit:
            raise DamagedFile(path, f"its header says {count:,} items, the set has at most {limit:,}")
        expected = header_size + count * math.prod(item_shape) * int(value[-1])
        if size != expected:
            raise DamagedFile(path, f"it has {size:,} bytes, its header asks for {expected:,}")
        return int(count)


def _times(shape: list[int] | tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
