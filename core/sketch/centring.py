"""Brings a drawn digit to where MNIST has its digits.

LeCun et al.: digits were scaled into 20x20 pixels with their proportions kept, and placed in 28x28 pixels so that their
centre of mass is in the middle, which is pixel 14 of 0 to 27.
"""

from __future__ import annotations

import numpy as np

from core.arrays import Images
from core.shapes import IMAGE_SHAPE

BOX = 20  # pixels that the longer side fills
FAINT = 0.1  # less ink than this is no part of a digit
DARK = 0.5  # an edge that is brighter on average is paper
UNEVEN = 0.1  # between the tenths of an edge that are darkest and lightest: more is a ground with a shadow
ROUNDS = 10  # of fitting the ground to what is no ink


def centred(ink: Images) -> Images:
    """Ink (H, W) in [0, 1] as MNIST would have it, (28, 28) in [0, 1]; empty where there is no ink."""
    from PIL import Image

    rows, columns = (np.flatnonzero((ink > FAINT).any(axis=axis)) for axis in (1, 0))
    whole = np.zeros(IMAGE_SHAPE, np.float32)
    if not len(rows):
        return whole
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    scale = BOX / max(digit.shape)
    if scale != 1:
        size = [max(1, round(scale * length)) for length in reversed(digit.shape)]
        digit = np.asarray(Image.fromarray(digit).resize((size[0], size[1]), Image.Resampling.BICUBIC)).clip(0, 1)
    top, left = (_first(digit.sum(axis=1 - axis), IMAGE_SHAPE[axis]) for axis in (0, 1))
    whole[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return whole


def _first(mass: Images, room: int) -> int:
    """Where in the room a digit begins that has this mass along it, for the centre to be in the middle."""
    centre = float(mass @ np.arange(len(mass)) / mass.sum())
    return min(max(round(room // 2 - centre), 0), room - len(mass))


def ink_of(image: Images) -> Images:
    """The ink of a picture (H, W) in [0, 1]: as it is where it is light on dark, else turned into that."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return 1 - image if edge.mean() > DARK else image


def without_ground(ink: Images) -> Images:
    """Ink (H, W) in [0, 1] without the slope or the shadow of its ground; as it is where that is even.

    The ground is a surface of the second degree, fitted to all that does not stand out from it.
    """
    edge = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    least, most = np.quantile(edge, (0.1, 0.9))
    if most - least < UNEVEN:
        return ink
    y, x = (axis.ravel() / max(ink.shape) for axis in np.indices(ink.shape))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    values = ink.ravel().astype(np.float64)
    is_ground = np.ones(len(values), bool)
    rest = values
    for _ in range(ROUNDS):
        rest = values - terms @ np.linalg.lstsq(terms[is_ground], values[is_ground], rcond=None)[0]
        is_ground = rest < max(FAINT, 2 * float(rest[is_ground].std()))
    digit = np.where(is_ground, 0, rest).clip(0).reshape(ink.shape)
    return (digit / max(float(digit.max()), FAINT)).astype(np.float32)
