"""A digit on a picture, such as a photograph of a note."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core import files
from core.arrays import Images
from core.data.own.pictures import FILE_LIMIT, grey
from core.errors import DamagedFile
from core.sketch.centring import centred, ink_of

LARGEST = 256  # pixels along a side that are looked at


def read_digit(path: Path) -> Images:
    """The digit on a picture of any size, light on dark or the other way round, as MNIST would have it, (28, 28).

    Raises DamagedFile, also where nothing is drawn in it, or OSError.
    """
    from PIL import Image

    picture = Image.fromarray(grey(path, files.read(path, FILE_LIMIT)))
    picture.thumbnail((LARGEST, LARGEST))
    image: Images = np.asarray(picture, np.float32) / np.float32(255)
    digit = centred(ink_of(image))
    if not digit.any():
        raise DamagedFile(path, "nothing is drawn in it")
    return digit
