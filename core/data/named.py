"""Reads the images of a set that has a name from its IDX files, as arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.data import idx
from core.data.sets import IMAGES_LIMIT, SETS, data_error, find_file, layout
from core.errors import DamagedFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pair = tuple[NDArray[np.uint8], NDArray[np.integer]]

# QMNIST's test set is larger; its first 10,000 images are those of MNIST's, torchvision's test10k.
VALIDATION_LIMIT = 10_000


@dataclass(frozen=True, eq=False)
class NamedImages:
    """Images uint8 (N, 28, 28) and labels (N,) from 0 to 9, to train on and to validate on."""

    train: Pair
    validation: Pair

    @property
    def fingerprint(self) -> str:
        """What tells these images and labels from others, however they are packed and named."""
        return fingerprint((*self.train, *self.validation))


def fingerprint(arrays: tuple[NDArray[np.integer], ...]) -> str:
    """A checksum of arrays of small whole numbers."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(array.astype("u1").tobytes())
    return digest.hexdigest()


def read(name: str, place: Path) -> NamedImages:
    """The images of a set in its folder. Raises DataError naming the file."""
    train_images, train_labels, validation_images, validation_labels = SETS[name].files
    return NamedImages(
        _pair(place / train_images, place / train_labels, IMAGES_LIMIT),
        _pair(place / validation_images, place / validation_labels, VALIDATION_LIMIT),
    )


def _pair(images_file: Path, labels_file: Path, limit: int) -> Pair:
    """The first `limit` images and labels. Raises DataError naming the file."""
    try:
        images, labels = (
            idx.read(find_file(file.parent, file.name) or file, *layout(file.name), IMAGES_LIMIT)
            for file in (images_file, labels_file)
        )
        if labels.ndim > 1:
            labels = labels[:, 0]
        if len(images) != len(labels):
            counts = f"{len(labels):,} labels for the {len(images):,} images of {images_file.name}"
            raise DamagedFile(labels_file, f"it has {counts}")
        wrong = labels[(labels < 0) | (labels > 9)]
        if len(wrong):
            raise DamagedFile(labels_file, f"it has the label {wrong[0]}, labels are from 0 to 9")
    except (DamagedFile, OSError) as error:
        raise data_error(error) from error
    return images[:limit], labels[:limit]
