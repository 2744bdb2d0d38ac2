"""What samples are compared with: training images as a classifier sees them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.arrays import evenly_spaced
from core.evaluation.classifier import ClassifierOutput, DigitClassifier, classify
from core.evaluation.fidelity import (
    Gaussian,
    Manifold,
    authenticity,
    class_balance,
    class_shares,
    fit_gaussian,
    frechet_distance,
    precision,
    recall,
)
from core.evaluation.measuring.progress import CLASSIFIED, COMPARED, Progress

MANIFOLD_LIMIT = 10_000
AUTHENTICITY_LIMIT = 1_000  # samples of each draw: all training images are looked at for each


@dataclass(frozen=True, eq=False)
class Reference:
    """The training images as the classifier sees them: what generated images are compared with."""

    gaussian: Gaussian
    features: Tensor  # (N, 64)
    class_shares: Tensor  # (classes,), by their labels

    @classmethod
    def of(
        cls, classifier: DigitClassifier, images: Tensor, labels: Tensor, progress: Progress | None = None
    ) -> Reference:
        """The reference made of images uint8 (N, 32, 32) with labels (N,)."""
        progress = progress or Progress(len(images) * CLASSIFIED)
        seen = classify(classifier, progress.pixels(images, "classifying training images", CLASSIFIED))
        return cls(fit_gaussian(seen.features), seen.features, class_shares(labels, classifier.classes))

    def authenticity(self, seen: ClassifierOutput) -> float:
        """The fraction of these images that are no copies of training images, of at most 1,000 of them."""
        return authenticity(self.features, evenly(seen.features, AUTHENTICITY_LIMIT))


@dataclass(frozen=True)
class Fidelity:
    """How close one draw of samples comes to the training images."""

    frechet: float
    precision: float
    recall: float
    confidence: float
    balance: float
    authenticity: float


def compared(samples: int, references: int) -> int:
    """How many samples, and as many training images, manifolds are made of."""
    return min(MANIFOLD_LIMIT, samples, references)


def compare_work(samples: int, references: int) -> float:
    """What `compare` takes, in images classified."""
    copies = min(AUTHENTICITY_LIMIT, samples) * references
    return COMPARED * (compared(samples, references) ** 2 + copies / 2)


def compare(seen: ClassifierOutput, reference: Reference) -> Fidelity:
    """Samples against the training images; manifolds are of as many images of both, at most 10,000."""
    count = compared(len(seen.features), len(reference.features))
    real, generated = (Manifold.around(evenly(each.features, count)) for each in (reference, seen))
    confidence, classes = seen.probabilities.max(dim=1)
    return Fidelity(
        frechet_distance(fit_gaussian(seen.features), reference.gaussian),
        precision(real, generated),
        recall(real, generated),
        float(confidence.double().mean()),
        class_balance(class_shares(classes, len(reference.class_shares)), reference.class_shares),
        reference.authenticity(seen),
    )


def evenly(items: Tensor, limit: int) -> Tensor:
    """At most so many of the items, evenly chosen."""
    return items[torch.from_numpy(evenly_spaced(len(items), limit))]
