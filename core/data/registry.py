"""The named image sets: where their files lie and how to get them, without PyTorch."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import files
from core.data import idx
from core.data.download import Archive, DownloadError, fetch
from core.data.download import Progress as Progress
from core.errors import DamagedFile, DataError

if TYPE_CHECKING:
    pass


EMBEDDED = "mnist-5k"
IMAGES_LIMIT = 60_000
EMBEDDED_TRAIN = 4_000


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
SOURCES = {
    "mnist": _Source("MNIST", "MNIST: 60,000 / 10,000 handwritten digits"),
    "fashion-mnist": _Source("FashionMNIST", "Fashion-MNIST: 60,000 / 10,000 pieces of clothing"),
    "kmnist": _Source("KMNIST", "Kuzushiji-MNIST: 60,000 / 10,000 cursive Japanese characters"),
    "qmnist": _Source("QMNIST", "QMNIST: 60,000 / 10,000 digits, MNIST rebuilt from its source", _QMNIST_FILES),
}
_EMBEDDED_TITLE = "MNIST-5k: 4,000 / 1,000 of the MNIST digits"
NAMES: tuple[str, ...] = (*SOURCES, EMBEDDED)
CHOICES: tuple[str, ...] = ("auto", *NAMES)
DIGITS = ("mnist", "qmnist", EMBEDDED)  # what the classifier that tells how good images are knows


@dataclass(frozen=True)
class ImageSource:
    """The images of a run: the name of a set, the folder it was read from, and how many training images validate."""

    name: str
    folder: Path | None = None
    held_out: int = 0


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


def default_data_dir() -> Path:
    """The folder of the image sets: VAE_TUI_DATA, or one in the user's cache folder."""
    chosen = os.environ.get("VAE_TUI_DATA")
    return Path(chosen).expanduser() if chosen else files.cache_dir() / "data"


def folder(name: str, data_dir: Path) -> Path | None:
    """Where torchvision keeps the files of a set, None for the embedded one. Raises DataError."""
    _check_name(name)
    return None if name == EMBEDDED else data_dir / SOURCES[name].torchvision_name / "raw"


def most_held_out(name: str) -> int:
    """How many training images of a set may be kept for validation: nine in ten."""
    return (EMBEDDED_TRAIN if name == EMBEDDED else IMAGES_LIMIT) * 9 // 10


def is_on_disk(name: str, data_dir: Path) -> bool:
    """Whether every file of a set is there to be read, without looking into them. Raises DataError."""
    return not missing_files(name, data_dir)


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
    return f"{EMBEDDED}, as mnist is not in {place}; get it with: {download_command('mnist', data_dir)}"


def describe_sets(data_dir: Path) -> list[SetOnDisk]:
    """Every image set there is, in the order of NAMES."""
    sets = [
        SetOnDisk(name, is_on_disk(name, data_dir), folder(name, data_dir), source.title)
        for name, source in SOURCES.items()
    ]
    return [*sets, SetOnDisk(EMBEDDED, True, None, _EMBEDDED_TITLE)]


def download(name: str, data_dir: Path, on_progress: Callable[[Progress], None] | None = None) -> None:
    """Fetch the files of a set that are missing, from torchvision's mirrors and checked by its MD5 sums.

    Whatever `on_progress` raises ends the download and leaves no half file. Raises DataError.
    """
    missing = missing_files(name, data_dir)
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


def check(name: str, data_dir: Path) -> None:
    """Look at the size and the header of each file of a set that is on disk. Raises DataError naming the file."""
    place = folder(name, data_dir)
    if place is None:
        return
    try:
        for file in SOURCES[name].files:
            idx.check(place / file, *layout(file), IMAGES_LIMIT)
    except (DamagedFile, OSError) as error:
        raise data_error(error) from error


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise DataError(f"there is no image set named {name[:60]!r}; choose from {', '.join(CHOICES)}")


def missing_files(name: str, data_dir: Path) -> list[str]:
    """The names of the files of a set that are not there to be read."""
    place = folder(name, data_dir)
    if place is None:
        return []
    return [file for file in SOURCES[name].files if not os.access(place / file, os.R_OK)]


def download_command(name: str, data_dir: Path) -> str:
    chosen = "" if data_dir == default_data_dir() else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"vae-tui data --download {name}{chosen}"


def _archives(name: str) -> list[Archive]:
    try:
        import torchvision.datasets
    except (ImportError, RuntimeError) as error:
        raise DataError(f"torchvision, which knows where {name} is, does not fit this PyTorch: {error}") from error
    published = getattr(torchvision.datasets, SOURCES[name].torchvision_name)
    if isinstance(published.resources, dict):
        return [Archive((url,), md5) for split in ("train", "test") for url, md5 in published.resources[split]]
    return [Archive(tuple(f"{mirror}{file}" for mirror in published.mirrors), md5) for file, md5 in published.resources]


def layout(file: str) -> tuple[str, tuple[int, ...]]:
    """The type of the values and the shape of an item in a file of a set."""
    if "images" in file:
        return "u1", (28, 28)
    # A label of QMNIST is a row of eight numbers, the class first.
    return (">i4", (8,)) if file.endswith("-int") else ("u1", ())


def data_error(error: DamagedFile | OSError) -> DataError:
    if isinstance(error, DamagedFile):
        return DataError(f"{error.path} is damaged: {error.reason}; delete it and download it again")
    return DataError(f"{error.filename} cannot be read: {error.strerror}")
