"""The sizes of images and latents, which everything shares."""

from __future__ import annotations

import math

IMAGE_SHAPE = (28, 28)  # rows and columns of pixels, as images are shown
PADDING = 2  # pixels on each side, as models take them
PADDED_SIZE = IMAGE_SHAPE[0] + 2 * PADDING
LATENT_SHAPE = (4, 4, 4)  # channels, rows, columns, where a run has the sizes of the post
LATENT_SIZE = math.prod(LATENT_SHAPE)


def latent_shape(levels: int, channels: int) -> tuple[int, int, int]:
    """The shape of a latent: each level of an encoder halves the size of an image."""
    side = PADDED_SIZE >> levels
    return channels, side, side
