"""What can be asked of a run: the interface between the explorer and all that shows its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from core.arrays import Bools, Floats, Images
from core.explorer.results import (
    Comparison,
    Completions,
    EvaluationResult,
    ImageDetail,
    LatentProjection,
    Neighbours,
    Particles,
    ReconstructionPage,
    Reconstructions,
    Samples,
    Sketched,
)
from core.latents.options import CompletionOptions, Order, Part, PathKind, ProjectionOptions, SamplingOptions
from core.latents.plane.density import PlaneDensity

Report = Callable[[str], object]  # told in a few words what takes long, in the thread that asks


class Explorer(Protocol):
    """Answers from the newest weights of a run, which may take long: never ask in the UI's thread.

    Every question raises RunError before there are weights, DamagedFile, DataError or OSError.
    """

    moment: int | None  # the step of the snapshot that answers are of; None for the newest weights

    def at(self, moment: int | None) -> Explorer:
        """An explorer that answers from the snapshot of a step instead, for the same task; None for the newest weights.

        The images, their order, the latents that samplers draw and, unless it is fitted to each moment, the projection
        are those of the newest weights. Questions raise RunError also where there is no such snapshot. What is measured
        is measured of the newest weights.
        """

    @property
    def note(self) -> str:
        """What to know about the images that are shown, once they were read; mostly nothing."""

    @property
    def default_sampler(self) -> str:
        """The sampler that suits the run's model."""

    def page(self, first: int, count: int, label: int | None = None, order: Order = "index") -> ReconstructionPage:
        """Validation images from place `first` on, of one class or of all, by index or worst first.

        Raises RunError where no image is of that class.
        """

    def reconstruct(self, images: Images) -> Reconstructions:
        """Images (N, 28, 28) in [0, 1] reconstructed by way of the posterior's mode."""

    def sketch(self, image: Images, nearest: int) -> Sketched:
        """What is to be said of a drawn image (28, 28) in [0, 1], with so many training images nearest to it."""

    def neighbours(self, images: Images, count: int) -> Neighbours:
        """The training images nearest to images (N, 28, 28) in [0, 1] by their pixels, of all of them."""

    def complete(self, image: Images, hidden: Bools, options: CompletionOptions) -> Completions:
        """What an image (28, 28) in [0, 1] may be where it is hidden, bool (28, 28); hidden pixels are not looked at.

        By the learned prior of the run, else by optimising latents. What `report` raises ends it.
        """

    def image_detail(self, index: int, samples: int, seed: int, part: Part = "validation") -> ImageDetail:
        """One image, by its index in that part of the image set, and `samples` draws of its posterior."""

    def pair(self, part: Part, index: int) -> tuple[Images, Images]:
        """An image, by its index in that part of the image set, and its reconstruction, each (28, 28)."""

    def preview(self) -> tuple[Images, Images]:
        """Ten validation images, one of each class where there are ten, and their reconstructions, (10, 28, 28) each.

        Of a learned prior it is two samples of each class.
        """

    def samples(
        self,
        sampler: str,
        count: int,
        seed: int,
        temperature: float = 1.0,
        options: SamplingOptions | None = None,
        go_on: Callable[[], object] = lambda: None,
    ) -> Samples:
        """Decoded draws of a sampler, the same for the same seed; what `go_on` raises ends the fit of a sampler.

        Raises ConfigError.
        """

    def denoising(
        self,
        frames: int,
        count: int,
        seed: int,
        temperature: float,
        options: SamplingOptions,
        show: Callable[[int, Samples], object],
    ) -> None:
        """Hand on draws of the learned prior, each with the number of its step, at up to `frames` steps from noise.

        The last are those that `samples` gives; what `show` raises ends it. Raises ConfigError for any other run.
        """

    def flow(
        self,
        count: int,
        seed: int,
        options: SamplingOptions,
        plane: ProjectionOptions,
        start: Particles | None,
        show: Callable[[Particles], object],
    ) -> None:
        """Hand on so many latents of the learned prior in the plane: the noise, and after each step from there.

        The first eight are decoded as well. The last ones are those that `samples` gives. With a start, which is handed
        on no more, the way goes on from there. What `show` raises ends it. Raises ConfigError for any other run.
        """

    def activity(self) -> Floats:
        """How much each latent number says, (D,): the variance of its posterior means over training images."""

    def traversal(self, z: Floats, number: int, steps: int) -> Samples:
        """The path that moves one latent number of z (D,) from -3 to +3 standard deviations."""

    def interpolation(self, start: Floats, end: Floats, steps: int, path: PathKind) -> Samples:
        """A path between two latents (D,)."""

    def decode(self, z: Floats) -> Images:
        """Images (N, 28, 28) in [0, 1] of latents (N, D)."""

    def projection(self, options: ProjectionOptions) -> LatentProjection:
        """The latents of a part projected to the plane. Raises RunError where that cannot be."""

    def density(self, options: ProjectionOptions, sampler: str) -> PlaneDensity:
        """How dense the aggregate posterior of a part is in the plane, and what a sampler draws.

        Raises ConfigError or RunError.
        """

    def evaluations(self) -> list[EvaluationResult]:
        """What was measured before, by whomever, and kept in the run, as core.explorer.outputs.kept reads it."""

    def check_evaluable(self) -> None:
        """Raise what hinders an evaluation of the newest weights: that there are none, say."""

    def evaluate(
        self,
        sampler: str,
        samples: int,
        seeds: int,
        options: SamplingOptions | None = None,
        show: Callable[[Mapping[str, Any]], object] = lambda figures: None,
    ) -> EvaluationResult:
        """Every metric of the newest weights, which is then kept in the run; what `report` raises ends it.

        `show` is given the metrics that are known so far by their names, as they are in an Evaluation. Raises
        ConfigError or RunError.
        """


def compare_reconstructions(left: Explorer, right: Explorer, first: int, count: int) -> Comparison:
    """A page of the left run's validation images, and what the right run makes of the same images."""
    page = left.page(first, count)
    return Comparison(page, right.reconstruct(page.originals))
