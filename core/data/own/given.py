"""Images that are given to be looked at: a picture, a folder of them, an npz file or idx files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core import files
from core.data.own import pictures, reading
from core.data.own.paths import PICTURES, USUAL, Reading, is_there
from core.errors import DamagedFile, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class GivenImages:
    """Images uint8 (N, 28, 28), and what each is called: the path of a picture, or its number in a file.

    Where a set has images to train on and to validate on, that comes before the number: `train:0`, `validation:0`.
    `left_out` says which could not be decoded.
    """

    images: NDArray[np.uint8]
    names: list[str]
    left_out: str = ""


def read(path: Path, how: Reading = USUAL) -> GivenImages:
    """The images that a path names. Raises DataError, which says what would be right."""
    import numpy as np

    if path.is_file() and path.suffix.lower() in PICTURES:
        return GivenImages(_read_picture(path, how.fit)[None], [path.name])
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if not path.is_dir() and path.suffix.lower() != ".npz":
        raise DataError(f"{path} is neither a folder nor a picture ({', '.join(PICTURES)}) nor an .npz file")
    if path.is_dir() and (is_there("folder", path) or not is_there("idx", path)):
        found = pictures.read(path, reading.IMAGES_LIMIT, lambda content: None, how)
        return GivenImages(found.images, [str(each.relative_to(path)) for each in found.paths], found.left_out)
    parts = [part for part, _ in reading.read_arrays("idx" if path.is_dir() else "npz", path, hashlib.sha256())]
    images = np.concatenate([reading.fitted(part, how.fit) for part in parts])
    kinds = ("train:", "validation:") if len(parts) > 1 else ("",)
    names = [f"{kind}{number}" for kind, part in zip(kinds, parts, strict=True) for number in range(len(part))]
    return GivenImages(images, names)


def _read_picture(path: Path, fit: str) -> NDArray[np.uint8]:
    try:
        return pictures.decode(path, files.read(path, pictures.FILE_LIMIT), fit)
    except DamagedFile as error:
        raise DataError(f"{path} cannot be used: {error.reason}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
