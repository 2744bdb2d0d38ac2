"""The sizes of a model: the channels of its levels and of its latent, and how many numbers that makes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from core.shapes import LATENT_SHAPE, latent_shape

LEVELS, WIDEST = 5, 256
FEATURES = "8,16,32"
FEATURES_FORM = r"{0}(\s*,\s*{0}){{0,4}}".format("0*([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-6])")
LATENT_CHANNELS = LATENT_SHAPE[0]
MOST_LATENT_CHANNELS = 16
LATENT_SIZES = 2, 1024  # the plane needs two numbers, and an image has no more pixels


@dataclass(frozen=True)
class Sizes:
    """The channels of an autoencoder's levels, each of which halves the size of the one before, and of its latent."""

    features: tuple[int, ...] = (8, 16, 32)
    latent_channels: int = LATENT_CHANNELS

    @classmethod
    def of(cls, features: str, latent_channels: int) -> Sizes:
        """Of what a run's settings say; of more than can be trained here in a run that a newer version wrote."""
        return cls(tuple(map(int, re.findall(r"\d+", features))), latent_channels)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of a latent: each level halves the size of an image, 32x32."""
        return latent_shape(len(self.features), self.latent_channels)

    @property
    def latent_size(self) -> int:
        """The numbers of a latent."""
        channels, rows, columns = self.latent_shape
        return channels * rows * columns


def as_features(typed: str) -> str:
    """A list of channels as it is kept: `8, 16` is `8,16`. What is none is left as it is."""
    return ",".join(str(int(each)) for each in typed.split(",")) if re.fullmatch(FEATURES_FORM, typed) else typed


def autoencoder_parameters(sizes: Sizes, per_latent: int = 1, *, head: bool = False) -> int:
    """How many parameters an autoencoder has whose encoder gives so many channels for each of the latent."""
    given = per_latent * sizes.latent_channels
    down = [(1, sizes.features[0]), *pairwise((*sizes.features, given))]
    up = list(pairwise((sizes.latent_channels, *reversed(sizes.features), 1)))
    count = sum(_block(into, out) + _block(out, out) for into, out in down)
    count += sum(_block(into, into) for into, _ in up) + sum(_block(into, into) for into, _ in up[1:])
    count += sum(_block(into, out) for into, out in up[:-1]) + _convolution(*up[-1], side=1)
    return count + (_convolution(given, given, side=1) if head else 0)


def _block(into: int, out: int) -> int:
    """Those of a 3x3 convolution and its normalisation."""
    return _convolution(into, out, side=3) + 2 * out


def _convolution(into: int, out: int, side: int) -> int:
    return into * out * side**2 + out


def denoiser_parameters(sizes: Sizes) -> int:
    """How many parameters the network of a learned prior has."""
    narrow, wide, embedding, classes = 64, 128, 128, 10
    channels = sizes.latent_channels
    count = 2 * (embedding * embedding + embedding) + (classes + 1) * embedding
    count += _convolution(channels, narrow, side=3) + _convolution(narrow, channels, side=3) + 2 * narrow
    count += _convolution(narrow, wide, side=3) + _convolution(wide, narrow, side=3)
    blocks = [(narrow, narrow), (wide, wide), (wide, wide), (2 * narrow, narrow), (narrow, narrow)]
    return count + sum(_residual(into, out, embedding) for into, out in blocks)


def _residual(into: int, out: int, embedding: int) -> int:
    count = 2 * into + _convolution(into, out, side=3) + 2 * out + _convolution(out, out, side=3)
    count += 2 * out * (embedding + 1)
    return count + (_convolution(into, out, side=1) if into != out else 0)
