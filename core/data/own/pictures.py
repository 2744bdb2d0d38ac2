"""Reads a folder of pictures by Pillow: any size and format, in folders of their classes or in none, as grey images."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core import files
from core.data.own.paths import PICTURES, USUAL, Reading
from core.errors import DamagedFile, DataError
from core.shapes import IMAGE_SHAPE
from core.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

# Those that Pillow decodes itself: for others, such as EPS, it would run a program on the file.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA", "ICO", "JPEG2000")
FILE_LIMIT = 1 << 28  # bytes of a picture
PIXELS_LIMIT = 100_000_000
NAMED = 5  # files that an error lists
SKIP = "--damaged skip"
# What Pillow warns of and logs is about a file that is read or refused, and would stand in the midst of a screen.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())
SPLITS = frozenset(("train", "training", "test", "testing", "val", "valid", "validation"))


class Undecodable(DataError):
    """Pictures that cannot be decoded and were not to be left out; its argument says which."""

    def __str__(self) -> str:
        return f"{self.args[0]}; take them out, or say {SKIP}"

    def of_run(self) -> DataError:
        """The same of images that a run has already, for which that can no longer be said."""
        return DataError(f"{self.args[0]}; take them out, or put back those that the run was trained on")


def find(folder: Path) -> dict[str, list[Path]]:
    """The pictures in a folder by their class, the folder they lie in, or all under `""` where they lie in none.

    Both in the order of their names; what is hidden is left out. Raises DataError.
    """
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        loose = [path for path in inside if _is_picture(path)]
        classes = {path.name: _below(path) for path in inside if path.is_dir()}
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error
    classes = {name: paths for name, paths in classes.items() if paths}
    if loose and classes:
        some = printable(next(iter(classes)))
        raise DataError(f"{folder} has pictures beside its folders of classes, such as {loose[0].name} beside {some}")
    if classes.keys() & SPLITS and classes.keys() <= SPLITS:
        raise DataError(f"{folder} has {' and '.join(classes)} in it, which are no classes: name one of these folders")
    if not loose and not classes:
        raise DataError(f"{folder} has no pictures in it ({', '.join(PICTURES)})")
    return classes or {"": loose}


def _below(folder: Path) -> list[Path]:
    def fail(error: OSError) -> None:
        raise error

    found = []
    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(filter(_is_picture, found))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and path.is_file()


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures (N, 28, 28), their paths and classes, None where there are none; in words which are left out."""

    images: NDArray[np.uint8]
    paths: list[Path]
    classes: list[str] | None
    left_out: str = ""


def read(folder: Path, limit: int, tell: Callable[[bytes], object], reading: Reading = USUAL) -> Pictures:
    """The pictures in a folder, at most `limit`. `tell` is given the name and the bytes of each file.

    Raises DataError; Undecodable, which lists the files that are no pictures, where these are not to be skipped.
    """
    import numpy as np

    found = find(folder)
    paths = [path for each in found.values() for path in each]
    if len(paths) > limit:
        raise DataError(f"{folder} has {len(paths):,} pictures, at most {limit:,} are read")
    images, damaged, bad = np.zeros((len(paths), *IMAGE_SHAPE), np.uint8), [], set[int]()
    for place, path in enumerate(paths):
        try:
            content = files.read(path, FILE_LIMIT)
            tell(os.fsencode(path.relative_to(folder)) + b"\0" + len(content).to_bytes(8, "big") + content)
            images[place] = decode(path, content, reading.fit)
        except DamagedFile as error:
            damaged.append(f"{printable(str(path.relative_to(folder)))} ({error.reason})")
            bad.add(place)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
    more = f" and {len(damaged) - NAMED:,} more" if len(damaged) > NAMED else ""
    of = f"{len(damaged):,} of the {len(paths):,} pictures"
    which = f"{', '.join(damaged[:NAMED])}{more}"
    if damaged and reading.damaged != "skip":
        raise Undecodable(f"{of} in {folder} cannot be decoded: {which}")
    kept = [place for place in range(len(paths)) if place not in bad]
    names = None if "" in found else [name for name, each in found.items() for _ in each]
    return Pictures(
        images[kept],
        [paths[place] for place in kept],
        None if names is None else [names[place] for place in kept],
        f"{of} cannot be decoded and {'is' if len(damaged) == 1 else 'are'} left out: {which}" if damaged else "",
    )


def decode(path: Path, content: bytes, fit: str = USUAL.fit) -> NDArray[np.uint8]:
    """A picture as a grey image (28, 28), cut or squeezed to a square, scaled; see `grey`. Raises DamagedFile."""
    return fitted(grey(path, content), fit)


def grey(path: Path, content: bytes, ground: int = 0) -> NDArray[np.uint8]:
    """A picture as a grey image (H, W) of its own size. What is transparent has the grey of the ground, usually black.

    Of a picture with several frames it is the first one. Raises DamagedFile.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            if opened.width * opened.height > PIXELS_LIMIT:
                raise DamagedFile(path, f"{opened.width} x {opened.height} pixels are too many")
            return np.array(_grey(path, ImageOps.exif_transpose(opened), ground), np.uint8)
    except (DamagedFile, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise DamagedFile(path, "no picture") from error
    except Exception as error:  # its decoders follow what the file says, and fail as that makes them
        raise DamagedFile(path, str(error) or type(error).__name__) from error


def fitted(image: NDArray[np.uint8], fit: str = USUAL.fit) -> NDArray[np.uint8]:
    """A grey image (H, W) as (28, 28): the square at its centre, scaled, or the whole of it, squeezed."""
    import numpy as np
    from PIL import Image, ImageOps

    if image.shape == IMAGE_SHAPE:
        return image
    whole, size = Image.fromarray(image), IMAGE_SHAPE[::-1]
    if fit == "squeeze":
        return np.array(whole.resize(size, Image.Resampling.BICUBIC), np.uint8)
    return np.array(ImageOps.fit(whole, size, Image.Resampling.BICUBIC), np.uint8)


def _grey(path: Path, image: Image.Image, ground: int) -> Image.Image:
    import numpy as np
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, which `convert` would cut off at 255
        deep = np.asarray(image)
        if deep.size and (deep.min() < 0 or deep.max() > 0xFFFF):
            raise DamagedFile(path, "more than 16 bits a pixel")
        return Image.fromarray((deep.astype(np.int64) >> 8).astype(np.uint8))
    if image.mode == "F":
        raise DamagedFile(path, "pixels that are not whole numbers")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (ground, ground, ground, 255)), image)
    return image.convert("L")
