"""The image sets that have names, declared once: their files, and what stands in these."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import DamagedFile, DataError


@dataclass(frozen=True)
class NamedSet:
    """An image set: its torchvision class, which names its folder too, and its files, training and validation.

    An embedded set has neither. `digits`: the classifier that evaluations rest on knows what its images show.
    """

    name: str
    title: str
    training_images: int = 60_000
    torchvision_name: str = ""
    files: tuple[str, ...] = ()
    digits: bool = False


_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_QMNIST_FILES = (
    "qmnist-train-images-idx3-ubyte",
    "qmnist-train-labels-idx2-int",
    "qmnist-test-images-idx3-ubyte",
    "qmnist-test-labels-idx2-int",
)
EMBEDDED = "mnist-5k"
SETS: dict[str, NamedSet] = {
    named.name: named
    for named in (
        NamedSet(
            "mnist",
            "MNIST: 60,000 / 10,000 handwritten digits",
            torchvision_name="MNIST",
            files=_FILES,
            digits=True,
        ),
        NamedSet(
            "fashion-mnist",
            "Fashion-MNIST: 60,000 / 10,000 pieces of clothing",
            torchvision_name="FashionMNIST",
            files=_FILES,
        ),
        NamedSet(
            "kmnist",
            "Kuzushiji-MNIST: 60,000 / 10,000 cursive Japanese characters",
            torchvision_name="KMNIST",
            files=_FILES,
        ),
        NamedSet(
            "qmnist",
            "QMNIST: 60,000 / 10,000 digits, MNIST rebuilt from its source",
            torchvision_name="QMNIST",
            files=_QMNIST_FILES,
            digits=True,
        ),
        NamedSet(EMBEDDED, "MNIST-5k: 4,000 / 1,000 of the MNIST digits", training_images=4_000, digits=True),
    )
}
NAMES: tuple[str, ...] = tuple(SETS)
CHOICES: tuple[str, ...] = ("auto", *NAMES)
DIGITS: tuple[str, ...] = tuple(name for name, named in SETS.items() if named.digits)
IMAGES_LIMIT = 60_000


def find_file(place: Path, file: str) -> Path | None:
    """The file of a set in a folder, under any name that mirrors give it, packed or not; None where it is not there."""
    names = [file, file.replace("-idx", ".idx")]
    found = (place / f"{name}{packed}" for packed in ("", ".gz") for name in names)
    return next((path for path in found if os.access(path, os.R_OK)), None)


def layout(file: str) -> tuple[str, tuple[int, ...]]:
    """The type of the values and the shape of an item in a file of a set."""
    if "images" in file:
        return "u1", (28, 28)
    # A label of QMNIST is a row of eight numbers, the class first.
    return (">i4", (8,)) if file.endswith("-int") else ("u1", ())


def data_error(error: DamagedFile | OSError) -> DataError:
    """What is wrong with a file of a set, and what to do about it."""
    if isinstance(error, DamagedFile):
        return DataError(f"{error.path} is damaged: {error.reason}; delete it and download it again")
    return DataError(f"{error.filename} cannot be read: {error.strerror}")
