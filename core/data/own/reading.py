"""Images of a user's own: read from a folder of pictures, an .npz file or IDX files, split by a fixed seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.data import idx
from core.data.own import npz, pictures
from core.data.own.paths import MOST_CLASSES, USUAL, Reading
from core.errors import DamagedFile, DataError
from core.shapes import IMAGE_SHAPE
from core.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.data.own.npz import Part

IMAGES_LIMIT = 200_000
FEWEST = 12
VALIDATED = 6  # one image in so many validates where the set does not say which
NAMED = 20  # classes in a line


@dataclass(frozen=True, eq=False)
class OwnImages:
    """Images uint8 (N, 28, 28) and labels int64 (N,), to train on and to validate on.

    `classes` are the names of the labels, none where nothing is labelled: all labels are 0 then. `fingerprint` stands
    for the bytes of all files. `left_out` says in words which pictures could not be decoded and were to be skipped.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    classes: tuple[str, ...]
    fingerprint: str
    left_out: str = ""

    @property
    def description(self) -> str:
        """How many there are, and of which classes, in a line."""
        sizes = f"{len(self.train_images):,} images to train on, {len(self.validation_images):,} to validate on"
        if self.left_out:
            sizes = f"{self.left_out}; {sizes}"
        if not self.classes:
            return f"{sizes}, without labels"
        names = [f"{label} {name}" if str(label) != name else name for label, name in enumerate(self.classes)]
        kinds = "one class" if len(names) == 1 else f"{len(names)} classes"
        more = ", ..." if len(names) > NAMED else ""
        return f"{sizes}, {kinds}: {printable(', '.join(names[:NAMED]))}{more}"


def read(kind: str, path: Path, how: Reading = USUAL) -> OwnImages:
    """The images of a `folder`, an `npz` file or of `idx` files. Raises DataError, which says what is wrong."""
    digest = hashlib.sha256()
    if kind == "folder":
        found = pictures.read(path, IMAGES_LIMIT, digest.update, how)
        part: tuple[Any, Any] = (found.images, found.classes)
        split = _split(path, [part], how)
        return replace(split, fingerprint=digest.hexdigest(), left_out=found.left_out)
    split = _split(path, read_arrays(kind, path, digest), how)
    return replace(split, fingerprint=digest.hexdigest())


def read_arrays(kind: str, path: Path, digest: Any) -> list[tuple[Any, Any]]:
    """Images and labels of an `npz` file or `idx` files as they lie there, in one part or two. Raises DataError.

    `digest` is told of all that is read.
    """
    try:
        match kind:
            case "npz":
                parts: list[tuple[Any, Any]] = [*npz.read(path, IMAGES_LIMIT)]
                _tell(digest, path)
                return parts
            case _:
                found = _idx_files(path)
                parts = [_read_idx(*pair) for pair in found]
                for file in (file for pair in found for file in pair if file):
                    _tell(digest, file)
                return parts
    except DamagedFile as error:
        raise DataError(f"{error.path} cannot be used: {error.reason}") from error
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _split(path: Path, parts: Sequence[Part], how: Reading) -> OwnImages:
    """The images of one part divided, or those of two. Raises DataError where there are too few."""
    import numpy as np

    images = [fitted(part, how.fit) for part, _ in parts]
    labels, classes = _numbered([part for _, part in parts], [len(part) for part in images])
    total, kinds = sum(map(len, images)), len(np.unique(np.concatenate(labels)))
    if total < FEWEST:
        raise DataError(f"{path} has {total} image{'s' * (total != 1)}, at least {FEWEST} are needed")
    if kinds > MOST_CLASSES:
        raise DataError(f"{path} has {kinds} classes, at most {MOST_CLASSES} can be told apart; leave some out")
    if len(parts) == 1:
        train, validation = _divided(labels[0])
        images, labels = [images[0][train], images[0][validation]], [labels[0][train], labels[0][validation]]
    return OwnImages(images[0], labels[0], images[1], labels[1], classes, "")


def _divided(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of the images to train on and of those to validate on, as many of each class, always the same."""
    import numpy as np

    random = np.random.RandomState(0)  # its stream is frozen by numpy for good
    along = np.empty(len(labels))  # how far through its class an image comes, from 0 to 1
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        along[places] = (np.arange(len(places)) + 0.5) / len(places)
    order = np.argsort(along, kind="stable")
    held = len(labels) // VALIDATED
    return np.sort(order[held:]), np.sort(order[:held])


def _numbered(parts: Sequence[Any], sizes: Sequence[int]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """The labels of the parts as numbers from 0, digits as they are, and their names; all 0 without labels."""
    import numpy as np

    if any(part is None for part in parts):
        return [np.zeros(size, np.int64) for size in sizes], ()
    texts = [[str(label) for label in part] for part in parts]
    found = sorted({text for part in texts for text in part}, key=_order)
    if all(len(text) == 1 and text in "0123456789" for text in found):
        found = [str(digit) for digit in range(int(found[-1]) + 1)]
    number = {text: place for place, text in enumerate(found)}
    return [np.array([number[text] for text in part], np.int64) for part in texts], tuple(found)


def _order(name: str) -> tuple[int, str]:
    """Whole numbers by their value, before names."""
    return (len(name) if name.isdecimal() else 1 << 20, name)


def fitted(images: NDArray[np.uint8], fit: str) -> NDArray[np.uint8]:
    """Images (N, H, W) as (N, 28, 28): the square at the centre of each, scaled, or the whole of it, squeezed."""
    import numpy as np

    return images if images.shape[1:] == IMAGE_SHAPE else np.stack([pictures.fitted(image, fit) for image in images])


def _tell(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())


def _idx_files(folder: Path) -> list[tuple[Path, Path | None]]:
    """The files of images and of their labels, to train on and, where there are, to validate on. Raises DataError."""
    names = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())

    def one(*words: str) -> Path | None:
        found = [path for path in names if words[0] in path.name and any(word in path.name for word in words[1:])]
        if len(found) > 1:
            others = " and ".join(printable(path.name) for path in found[:2])
            raise DataError(f"{folder} has {others}: put the files of one set into a folder of their own")
        return next(iter(found), None)

    train, test = one("images", "train"), one("images", "t10k", "test")
    if train is None:
        raise DataError(f"{folder} has no file whose name has train and images in it, such as train-images-idx3-ubyte")
    pairs = [(train, one("labels", "train"))]
    return [*pairs, (test, one("labels", "t10k", "test"))] if test else pairs


def _read_idx(images: Path, labels: Path | None) -> Part:
    found = idx.read(images, "u1", IMAGE_SHAPE, IMAGES_LIMIT)
    if labels is None:
        return found, None
    named = idx.read(labels, "u1", (), IMAGES_LIMIT)
    if len(named) != len(found):
        raise DamagedFile(labels, f"it has {len(named):,} labels for the {len(found):,} images of {images.name}")
    return found, named
