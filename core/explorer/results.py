"""The answers of an explorer: arrays for screens and files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.arrays import Floats, Images, Labels
from core.data.registry import OWN
from core.evaluation.results import Evaluation
from core.latents.options import ACTIVE_VARIANCE, ProjectionOptions
from core.latents.plane.embedding import Embedding
from core.latents.projection import Projection


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """Reconstructed images (N, 28, 28) in [0, 1] and their squared errors (N,).

    An error is that of the loss: summed over the 32x32 pixels that the model takes, of its output as it is.
    """

    images: Images
    errors: Floats


@dataclass(frozen=True, eq=False)
class ReconstructionPage:
    """Some validation images and their reconstructions, each (N, 28, 28) in [0, 1].

    `indices` are those in the validation part of the image set, `errors` those of Reconstructions, each (N,); `first`
    is the place of the page among the `total` images that were asked for.
    """

    indices: Labels
    labels: Labels
    errors: Floats
    originals: Images
    reconstructions: Images
    first: int
    total: int
    classes: tuple[str, ...] = ()  # the names of the labels where they have any

    def stacks(self) -> Images:
        """Each image with its reconstruction and its error below, (N, 3, 28, 28)."""
        error = np.abs(self.originals - self.reconstructions)
        return np.stack([self.originals, self.reconstructions, error], axis=1)


@dataclass(frozen=True, eq=False)
class Comparison:
    """A page of the left run, and the right run's reconstructions of the same images."""

    page: ReconstructionPage
    other: Reconstructions


@dataclass(frozen=True, eq=False)
class ImageDetail:
    """One image: its posterior's mean and deviation (C, h, w), and decoded samples of it.

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
    classes: tuple[str, ...] = ()

    @property
    def is_point(self) -> bool:
        """Whether the posterior is a point."""
        return not self.deviation.any()


@dataclass(frozen=True, eq=False)
class Sketched:
    """What a model makes of a drawn image.

    Its reconstruction (28, 28), the squared error as in Reconstructions, the KL divergence of its posterior in nats,
    its latent (D,), `point` (2,) in the plane of `options`; the training images (K, 28, 28) whose latents are nearest,
    with labels (K,) and distances (K,); and the probabilities (10,) of a digit classifier, where the set has digits.
    """

    reconstruction: Images
    error: float
    kl: float
    latent: Floats
    options: ProjectionOptions
    point: Floats
    neighbours: Images
    labels: Labels
    distances: Floats
    probabilities: Floats | None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Completions:
    """Answers to what is hidden of an image, which look as different as they can, the best one first.

    Images (N, 28, 28) in [0, 1], the latents (N, D) they come from, and the squared errors (N,) of the pixels that were
    seen, of the padding too; the digits (N,) that a classifier takes them for, where the set has digits. `askable` are
    the classes that a learned prior can be asked for.
    """

    images: Images
    latents: Floats
    errors: Floats
    digits: Labels | None
    askable: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Samples:
    """Decoded latents: images (N, 28, 28) in [0, 1] and the latents (N, D) they come from.

    `askable` are the classes that the learned prior which drew them can be asked for.
    """

    images: Images
    latents: Floats
    askable: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The training images (N, K, 28, 28) in [0, 1] that are nearest to N images, nearest first, of `total` in all.

    Their indices in the training part of the set, labels and distances, each (N, K): the Euclidean ones of the pixels.
    """

    images: Images
    indices: Labels
    labels: Labels
    distances: Floats
    total: int
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Particles:
    """Latents (N, D) on their way from noise, after some steps: their points (N, 2) in a plane.

    `labels` (N,) are the digits that they are asked to become, `images` (K, 28, 28) the first of them, decoded;
    `askable` the classes that the learned prior can be asked for.
    """

    step: int
    latents: Floats
    points: Floats
    labels: Labels
    images: Images
    askable: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class LatentProjection:
    """Points (N, 2) of the latents of a part of the image set, with labels and indices in that part, each (N,).

    `fitted` is the number of latents that the projection was fitted to, `accuracy` the fraction of the shown ones
    whose class its classifier tells; they are of `total` images of that part, 0 where that is not said. `activity` is
    the variance (D,) of each latent number over the means that it was fitted to, None for an embedding.
    """

    options: ProjectionOptions
    projection: Projection | Embedding
    points: Floats
    labels: Labels
    fitted: int
    accuracy: float | None
    indices: Labels
    classes: tuple[str, ...] = ()
    total: int = 0
    activity: Floats | None = None

    @property
    def linear(self) -> Projection | None:
        """The projection, where it has a formula for any latent and a way back."""
        return self.projection if isinstance(self.projection, Projection) else None

    @property
    def active(self) -> int:
        """How many latent numbers say something. Burda et al. 2016."""
        return 0 if self.activity is None else int((self.activity > ACTIVE_VARIANCE).sum())

    @property
    def by_activity(self) -> list[int]:
        """The latent numbers, those first that say most."""
        return [] if self.activity is None else np.argsort(-self.activity, kind="stable").tolist()


def class_names(dataset: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """What the classes of a set are called: those of one that has a name by their digits. None: nothing is labelled."""
    return classes if classes or dataset.partition(":")[0] in OWN else tuple(map(str, range(10)))


@dataclass(frozen=True)
class EvaluationResult:
    """An evaluation, and of which weights: a number as of Run.weights_version and, where they say it, their epoch.

    The number is 0 where they are others than the newest were when this was read.
    """

    evaluation: Evaluation
    weights: int
    epoch: int | None
    note: str = ""  # about the images, where they are not what they are said to be
