"""The Fréchet distance of samples while a model trains: that of an evaluation, with fewer samples."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import torch
from torch import Tensor

from core.arrays import evenly_spaced
from core.data.images import pixels
from core.errors import Diverged
from core.evaluation import classifier
from core.evaluation.classifier import classify
from core.evaluation.fidelity import Gaussian, fit_gaussian, frechet_distance

TRAINING_IMAGES = 10_000
BATCH = 250


class PeriodicFrechet:
    """The Fréchet distance of samples to training images uint8 (N, 32, 32), an even selection of at most 10,000.

    2,000 samples are farther from anything than 10,000 of the same kind: compare these values with each other only.
    """

    def __init__(self, images: Tensor) -> None:
        self._classifier = classifier.shipped()
        self._images = images[evenly_spaced(len(images), TRAINING_IMAGES)].cpu()
        self._reference: Gaussian | None = None

    def measure(self, batches: Iterable[Tensor]) -> Generator[None, None, float]:
        """The distance of batches of images (B, 1, 32, 32); yields after each that was looked at. Raises Diverged."""
        if self._reference is None:
            self._reference = yield from self._look(map(pixels, self._images.split(BATCH)))
        samples = yield from self._look(batches)
        return frechet_distance(samples, self._reference)

    def _look(self, batches: Iterable[Tensor]) -> Generator[None, None, Gaussian]:
        features = []
        for batch in batches:
            features.append(classify(self._classifier, [batch]).features)
            if not features[-1].isfinite().all():
                raise Diverged("samples are no longer finite numbers")
            yield
        return fit_gaussian(torch.cat(features))
