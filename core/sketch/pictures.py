"""A digit on a picture, such as a photograph of a note."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core import files
from core.arrays import Images
from core.data.own.pictures import FILE_LIMIT, grey
from core.errors import DamagedFile
from core.sketch.centring import centred, ink_of, without_ground

LARGEST = 256  # pixels along a side that are looked at
WHITE, BLACK = 255, 0


def read_digit(path: Path) -> Images:
    """The digit on a picture of any size, light on dark or the other way round, as MNIST would have it, (28, 28).

    What is transparent is white, or black where a digit that is white itself would not be seen. Raises DamagedFile,
    also where nothing is drawn in it, or OSError.
    """
    from PIL import Image

    content = files.read(path, FILE_LIMIT)
    for ground in (WHITE, BLACK):
        picture = Image.fromarray(grey(path, content, ground))
        picture.thumbnail((LARGEST, LARGEST))
        image: Images = np.asarray(picture, np.float32) / np.float32(WHITE)
        digit = centred(without_ground(ink_of(image)))
        if digit.any():
            return digit
    raise DamagedFile(path, "nothing is drawn in it")
