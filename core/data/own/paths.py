"""Where images of a user's own lie, and how they are named: `folder:PATH`, `npz:FILE`, `idx:FOLDER`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from core import files
from core.errors import DataError

# What they are called in a run, whose `data_dir` is the path, and how they are typed.
OWN: dict[str, str] = {"folder": "folder:PATH", "npz": "npz:FILE", "idx": "idx:FOLDER"}
LOOKED_AT = 10_000  # names of files, at most, before a folder is said to have no pictures
MOST_CLASSES = 62  # ten digits, 26 letters in two sizes, as in EMNIST
PICTURES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".tga", ".ico", ".jp2", ".j2k"),
)

FITS = ("crop", "squeeze")  # to the square at the centre; the whole of it, whatever its shape
DAMAGED = ("refuse", "skip")


@dataclass(frozen=True)
class Reading:
    """How images become squares, and what becomes of a set with pictures that cannot be decoded."""

    fit: str = FITS[0]
    damaged: str = DAMAGED[0]


USUAL = Reading()


def parse(text: str) -> tuple[str, Path] | None:
    """The kind and the absolute path of a set of a user's own as it was typed, None for anything else.

    Raises DataError where the path is left out.
    """
    kind, _, path = text.partition(":")
    if kind not in OWN:
        return None
    if not path or "\0" in path:
        raise DataError(f"{kind} needs a path: {OWN[kind]}")
    return kind, Path(os.path.normpath(files.expanded(path).absolute()))


def check(kind: str, path: Path) -> None:
    """Raise DataError unless there is something of that kind to be read, whatever is in it."""
    try:
        there = path.is_file() if kind == "npz" else path.is_dir()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not there:
        raise DataError(f"there is no {'file' if kind == 'npz' else 'folder'} {path} to read images from")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} cannot be read: permission denied")


def is_there(kind: str, path: Path) -> bool:
    """Whether there are images of that kind, by the names of the files alone."""
    if not os.access(path, os.R_OK):
        return False
    match kind:
        case "npz":
            return path.is_file()
        case "idx":
            return path.is_dir() and any("images" in found.name for found in path.iterdir())
        case _:
            inside = chain.from_iterable(path.glob(pattern) for pattern in ("*", "*/*", "*/*/*"))
            return path.is_dir() and any(found.suffix.lower() in PICTURES for found in islice(inside, LOOKED_AT))
