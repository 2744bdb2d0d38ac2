"""The image sets: their names, sizes and folders, and which of them are on disk."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from core import files, folders
from core.data import idx
from core.data.own import paths
from core.data.own.paths import DAMAGED as DAMAGED
from core.data.own.paths import FITS as FITS
from core.data.own.paths import MOST_CLASSES as MOST_CLASSES
from core.data.own.paths import OWN as OWN
from core.data.own.paths import USUAL
from core.data.own.paths import Reading as Reading
from core.data.sets import CHOICES as CHOICES
from core.data.sets import DIGITS as DIGITS
from core.data.sets import EMBEDDED as EMBEDDED
from core.data.sets import IMAGES_LIMIT as IMAGES_LIMIT
from core.data.sets import NAMES as NAMES
from core.data.sets import SETS as SETS
from core.data.sets import NamedSet as NamedSet
from core.data.sets import data_error as data_error
from core.data.sets import find_file as find_file
from core.data.sets import layout as layout
from core.errors import DamagedFile, DataError

OTHER_IMAGES = "{} has other images than those the run was trained on"


@dataclass(frozen=True)
class ImageSource:
    """The images of a run: the name of a set, the folder it was read from, and how many training images validate.

    For a set of a user's own `folder` is its path, and `reading` says how it is read. `fingerprint` is what its files,
    or the images and labels of a set with a name, had when the run was made.
    """

    name: str
    folder: Path | None = None
    held_out: int = 0
    fingerprint: str = ""
    reading: Reading = USUAL

    def at(self, place: Path) -> ImageSource:
        """The same in another place."""
        return replace(self, folder=place)

    @property
    def training_images(self) -> int | None:
        """How many images train; of a user's own that is not known before they are read."""
        return None if self.name in OWN else find_set(self.name).training_images - self.held_out


class SeenImages(NamedTuple):
    """What the images of a run are: their fingerprint, which bundled ones have none of, and a line on them.

    The line is of a user's own only; `training_images` is how many train.
    """

    fingerprint: str | None
    description: str
    training_images: int


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
    return files.expanded(chosen) if chosen else folders.cache_dir() / "data"


def folder(name: str, data_dir: Path) -> Path | None:
    """Where torchvision keeps the files of a set, None for the embedded one; the path of a user's own.

    Raises DataError.
    """
    if name in OWN:
        return data_dir
    named = find_set(name)
    return _root(data_dir.absolute()) / named.torchvision_name / "raw" if named.files else None


def _root(data_dir: Path) -> Path:
    """The folder of all sets, also where that of one set was named, or its folder `raw`."""
    own = data_dir.parent if data_dir.name == "raw" else data_dir
    of_one_set = own.name in {named.torchvision_name for named in SETS.values() if named.files}
    return own.parent if of_one_set and (own / "raw").is_dir() else data_dir


def most_held_out(name: str) -> int:
    """How many training images of a set may be kept for validation: nine in ten."""
    if name in OWN:
        return IMAGES_LIMIT  # until it was read
    return find_set(name).training_images * 9 // 10


def is_on_disk(name: str, data_dir: Path) -> bool:
    """Whether every file of a set is there to be read, without looking into them. Raises DataError."""
    return not missing_files(name, data_dir)


def resolve(name: str, data_dir: Path) -> str:
    """The name of a set; `auto` is mnist if it is on disk, else the embedded mnist-5k. Raises DataError."""
    if name == "auto":
        return "mnist" if is_on_disk("mnist", data_dir) else EMBEDDED
    return find_set(name).name


def source(text: str, data_dir: Path) -> tuple[str, Path]:
    """The name of a set as it was typed, and the folder of the sets; of one's own, the path typed with it.

    Raises DataError.
    """
    return paths.parse(text) or (resolve(text, data_dir), data_dir)


def explain_auto(data_dir: Path) -> str:
    """What `auto` chooses and why, and how to get the other."""
    place = folder("mnist", data_dir)
    if is_on_disk("mnist", data_dir):
        return f"mnist, found in {place}; the small {EMBEDDED} can be chosen by name"
    return f"{EMBEDDED}, as mnist is not in {place}; get it with: {download_command('mnist', data_dir)}"


def describe_sets(data_dir: Path) -> list[SetOnDisk]:
    """Every image set, in the order of NAMES."""
    return [
        SetOnDisk(name, is_on_disk(name, data_dir), folder(name, data_dir), named.title) for name, named in SETS.items()
    ]


def check(name: str, data_dir: Path) -> None:
    """Look at the size and the header of each file of a set that is on disk. Raises DataError naming the file."""
    if name in OWN:
        paths.check(name, data_dir)
        return
    place = folder(name, data_dir)
    if place is None:
        return
    try:
        for file in SETS[name].files:
            idx.check(find_file(place, file) or place / file, *layout(file), IMAGES_LIMIT)
    except (DamagedFile, OSError) as error:
        raise data_error(error) from error


def look_through(source: ImageSource, most_classes: int = MOST_CLASSES) -> SeenImages:
    """What the images of a run are, which are all read; bundled ones are always the same. Raises DataError."""
    from core.data import named
    from core.data.own import reading

    name, place = source.name, source.folder or default_data_dir()
    check(name, place)
    if name not in OWN:
        at = folder(name, place)
        fingerprint = None if at is None else named.read(name, at).fingerprint
        return SeenImages(fingerprint, "", find_set(name).training_images - source.held_out)
    found = reading.read(name, place, source.reading)
    training = len(found.train_images) - source.held_out
    if training <= 0:
        raise DataError(f"{source.held_out:,} of the {len(found.train_images):,} images to train on cannot be held out")
    if len(found.classes) > most_classes:
        raise DataError(f"{place} has {len(found.classes)} classes, a learned prior knows {most_classes} at most")
    return SeenImages(found.fingerprint, f"{name}:{place}: {found.description}", training)


def check_same(source: ImageSource, place: Path) -> None:
    """Raise DataError where the images there are not those that a run was trained on, as it may go on."""
    from core.data.own.pictures import Undecodable

    try:
        changed = source.fingerprint and source.fingerprint != look_through(source.at(place)).fingerprint
    except Undecodable as error:
        raise error.of_run() from error
    if changed:
        raise DataError(f"{OTHER_IMAGES.format(place)}; train a new run on them")


def find_set(name: str) -> NamedSet:
    """The image set of that name. Raises DataError."""
    if name not in SETS:
        raise DataError(
            f"there is no image set named {name[:60]!r}; choose from {', '.join((*CHOICES, *OWN.values()))}"
        )
    return SETS[name]


def missing_files(name: str, data_dir: Path) -> list[str]:
    """The names of the files of a set that are not there to be read."""
    if name in OWN:
        return [] if paths.is_there(name, data_dir) else [data_dir.name]
    place = folder(name, data_dir)
    if place is None:
        return []
    return [file for file in SETS[name].files if find_file(place, file) is None]


def places(source: ImageSource, data_dir: Path) -> list[Path]:
    """Where the images of a run may lie: where it was first trained, and what may be named instead.

    The folder of all sets that is used when none is named does not stand for images of a user's own.
    """
    own_only = source.name in OWN and source.folder and data_dir == default_data_dir()
    return list(dict.fromkeys([source.folder or data_dir, *([] if own_only else [data_dir])]))


def locate(source: ImageSource, data_dir: Path) -> Path:
    """The folder that the images of a run are read from: where it was first trained, else `data_dir`.

    Those of the first where they are whole. Raises DataError, which says what to do.
    """
    folders = places(source, data_dir)
    damage: DataError | None = None
    for each in (each for each in folders if is_on_disk(source.name, each)):
        try:
            check(source.name, each)
        except DataError as error:
            damage = damage or error
        else:
            return each
    if damage is not None:
        raise damage
    if source.name in OWN:
        said = " nor ".join(map(str, folders))
        raise DataError(f"the images of the run are not there: {said}; name where they are with --data-dir")
    looked = " nor in ".join(str(folder(source.name, each)) for each in folders)
    raise DataError(
        f"{source.name} is not in {looked}; name the folder it is in with --data-dir, "
        f"or get it with: {download_command(source.name, data_dir)}"
    )


def not_looked_at(source: ImageSource, named: Path | None) -> str:
    """That the images of a run are read from elsewhere than the folder that was named, in words; nothing where not.

    The usual folder of all sets counts as none that was named. Raises DataError where they are nowhere.
    """
    if named is None or named.absolute() == default_data_dir().absolute() or source.name == EMBEDDED:
        return ""
    place = locate(source, named.absolute())
    here, there = (folder(source.name, each) or each for each in (place, named.absolute()))
    if here == there or (there.exists() and here.samefile(there)):
        return ""
    return f"the images are read from {place}, as the run was first trained on them there, and not from {named}"


def download_command(name: str, data_dir: Path) -> str:
    """What to type to fetch a set."""
    chosen = "" if data_dir == default_data_dir() else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"vae-tui data --download {name}{chosen}"
