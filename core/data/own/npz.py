"""Reads the arrays of images and labels in an .npz file, trusting no header."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import DamagedFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Names of the arrays with images and labels, and of those to validate on: of Keras, of MedMNIST, plain ones.
NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("images", "labels", "", ""),
    ("x", "y", "", ""),
    ("arr_0", "arr_1", "", ""),
)
BYTES_LIMIT = 1 << 31  # of an array
Part = tuple["NDArray[np.uint8]", "NDArray[Any] | None"]


def read(path: Path, limit: int) -> list[Part]:
    """The images uint8 (N, H, W), at most `limit`, and labels (N,) or None: to train on, then any to validate on.

    Raises DamagedFile or OSError.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _parts(path, archive, limit)
        except (DamagedFile, MemoryError):
            raise
        except Exception as error:  # zipfile and numpy follow what the file says, and fail as that makes them
            said = str(error).partition("\n")[0] or type(error).__name__
            raise DamagedFile(path, f"it is no .npz file that can be read: {said}") from error


def _parts(path: Path, archive: zipfile.ZipFile, limit: int) -> list[Part]:
    there = {name.removesuffix(".npy") for name in archive.namelist()}
    names = next((names for names in NAMES if names[0] in there), None)
    if names is None:
        expected = ", ".join(names[0] for names in NAMES)
        raise DamagedFile(path, f"it has no array of images ({expected}) but {', '.join(sorted(there)[:9])}")
    return [
        _part(path, archive, images, labels if labels in there else "", limit)
        for images, labels in (names[:2], names[2:])
        if images in there
    ]


def _part(path: Path, archive: zipfile.ZipFile, images_name: str, labels_name: str, limit: int) -> Part:
    images = _pixels(path, images_name, _array(path, archive, images_name))
    if len(images) > limit:
        raise DamagedFile(path, f"{images_name} has {len(images):,} images, at most {limit:,} are read")
    if not labels_name:
        return images, None
    labels = _array(path, archive, labels_name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iuUS":
        found = f"{labels.dtype} {labels.shape}"
        raise DamagedFile(path, f"{labels_name} is {found}, not one whole number or name for each of {images_name}")
    return images, labels


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """An array, whose header is held against the size of the file before anything of that size is made."""
    from numpy.lib import format as npy

    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or size > min(BYTES_LIMIT, member.file_size):
            raise DamagedFile(path, f"{name} cannot be {dtype} {shape} in {member.file_size:,} bytes")
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _pixels(path: Path, name: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    """Images uint8 (N, H, W) from whole numbers of 8 bits, or numbers from 0 to 1; colours become grey."""
    import numpy as np

    if array.dtype.kind not in "iuf":
        raise DamagedFile(path, f"{name} is {array.dtype}, not numbers from 0 to 255 or from 0 to 1")
    if array.ndim == 4 and array.shape[-1] in (1, 3):
        weights = np.array([0.299, 0.587, 0.114]) if array.shape[-1] == 3 else np.ones(1)  # ITU-R BT.601
        grey = array @ weights
        array = grey.round().astype(np.uint8) if array.dtype == np.uint8 else grey
    if array.ndim != 3 or 0 in array.shape:
        raise DamagedFile(path, f"{name} is {array.shape}, not (N, rows, columns), with 1 or 3 colours or none")
    if array.dtype == np.uint8:
        return array
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "f" and low >= 0 and high <= 1 + 1e-6:
        return (array * 255).round().clip(0, 255).astype(np.uint8)
    if low >= 0 and high <= 255:
        return array.round().astype(np.uint8)
    raise DamagedFile(path, f"{name} is {array.dtype} from {low:g} to {high:g}, not 0 to 255 or 0 to 1")
