"""Reads IDX, the file format of MNIST and the sets after it, trusting no header."""

from __future__ import annotations

import gzip
import math
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import files
from core.errors import DamagedFile

if TYPE_CHECKING:
    from numpy.typing import NDArray


VALUE_CODES = {"u1": 8, ">i4": 12}


def read(path: Path, value: str, item_shape: tuple[int, ...], limit: int) -> NDArray[Any]:
    """The array (N, *item_shape) of a file: magic number, N and the item's shape, then the values.

    `value` is a type of VALUE_CODES, N at most `limit`. The size of the file is held against the header
    before anything of that size is read; one that ends in .gz is unpacked. torchvision has a reader too; importing it
    takes over a second. Raises DamagedFile or OSError.
    """
    import numpy as np

    header_size = 4 * (2 + len(item_shape))
    if path.suffix == ".gz":
        content = _unpacked(path, header_size + limit * math.prod(item_shape) * int(value[-1]))
        count = _check_header(path, content[:header_size], len(content), value, item_shape, limit)
        return np.frombuffer(bytearray(content), value, offset=header_size).reshape(count, *item_shape)
    count = check(path, value, item_shape, limit)
    values = count * math.prod(item_shape)
    return files.persist(lambda: np.fromfile(path, value, values, offset=header_size)).reshape(count, *item_shape)


def check(path: Path, value: str, item_shape: tuple[int, ...], limit: int) -> int:
    """The number of items of a file that is what `read` takes it for, by its header and its size.

    Raises DamagedFile or OSError.
    """
    header_size = 4 * (2 + len(item_shape))
    if path.suffix == ".gz":
        content = _unpacked(path, header_size + limit * math.prod(item_shape) * int(value[-1]))
        return _check_header(path, content[:header_size], len(content), value, item_shape, limit)
    _check_regular(path)
    with files.persist(lambda: path.open("rb")) as file:
        size, header = os.fstat(file.fileno()).st_size, file.read(header_size)
    return _check_header(path, header, size, value, item_shape, limit)


def _check_regular(path: Path) -> None:
    # Opening a FIFO would wait for ever.
    if not stat.S_ISREG(files.persist(path.stat).st_mode):
        raise DamagedFile(path, "it is not a regular file")


def _unpacked(path: Path, largest: int) -> bytes:
    """The content of a gzip file; of one that unpacks to more than the largest there can be, a byte more than that."""
    _check_regular(path)
    try:
        with files.persist(lambda: gzip.open(path)) as file:
            return file.read(largest + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedFile(path, f"it cannot be unpacked: {error}") from error


def _check_header(path: Path, header: bytes, size: int, value: str, item_shape: tuple[int, ...], limit: int) -> int:
    """The number of items that a file of so many bytes has by its header. Raises DamagedFile."""
    magic = bytes((0, 0, VALUE_CODES[value], 1 + len(item_shape)))
    header_size = 4 * (2 + len(item_shape))
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
