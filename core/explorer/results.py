"""What an explorer answers with: arrays that a screen can show and a file can hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.arrays import Floats, Images, Labels
from core.latents.options import ProjectionOptions
from core.latents.projection import Projection


@dataclass(frozen=True, eq=False)
class ReconstructionPage:
    """Some validation images and what became of them; images (N, 28, 28) in [0, 1].

    `indices` are places in the validation set, `errors` squared errors summed over the pixels, each (N,);
    `first` is the place of the page in the `total` images that were asked for.
    """

    indices: Labels
    labels: Labels
    errors: Floats
    originals: Images
    reconstructions: Images
    first: int
    total: int

    def stacks(self) -> Images:
        """Each image with its reconstruction and its error below, shape (N, 3, 28, 28)."""
        error = np.abs(self.originals - self.reconstructions)
        return np.stack([self.originals, self.reconstructions, error], axis=1)


@dataclass(frozen=True, eq=False)
class ImageDetail:
    """One validation image: how its posterior looks, mean and deviation (C, h, w), and what its samples decode to.

    The posterior of an autoencoder is a point: its deviation is zero everywhere.
    """

    index: int
    label: int
    error: float
    original: Images
    reconstruction: Images
    mean: Images
    deviation: Images
    samples: Images

    @property
    def is_point(self) -> bool:
        """Whether the posterior is a point."""
        return not self.deviation.any()


@dataclass(frozen=True, eq=False)
class Samples:
    """Decoded latents: images (N, 28, 28) in [0, 1] and the latents (N, D) they come from."""

    images: Images
    latents: Floats


@dataclass(frozen=True, eq=False)
class LatentProjection:
    """Points (N, 2) of the latents of a part of the image set, with labels and places in that part, each (N,)."""

    choice: ProjectionOptions
    projection: Projection
    points: Floats
    labels: Labels
    fitted: int
    accuracy: float | None
    indices: Labels
