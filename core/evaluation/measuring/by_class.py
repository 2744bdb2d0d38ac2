"""What an evaluation finds of each class: how its images come back, and whether it is drawn when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.evaluation.classifier import ClassifierOutput
from core.evaluation.results import ClassFigures


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """Images and their reconstructions, in the order of their labels (N,): squared errors (N,), KL (N,) or None.

    `images` and `reconstructions` are what the classifier makes of them, None without a classifier.
    """

    labels: Tensor
    squared_errors: Tensor
    kl: Tensor | None
    images: ClassifierOutput | None
    reconstructions: ClassifierOutput | None


def figures_of_classes(rebuilt: Rebuilt, names: Sequence[str], asked: Tensor | None = None) -> tuple[ClassFigures, ...]:
    """The figures of each class that has images; `asked` is a confusion (classes, classes) of samples."""
    found = []
    for label in rebuilt.labels.unique().tolist():
        chosen = rebuilt.labels == label
        found.append(
            ClassFigures(
                label=label,
                name=names[label] if label < len(names) else "",
                images=int(chosen.sum()),
                squared_error=_mean(rebuilt.squared_errors[chosen]),
                kl=None if rebuilt.kl is None else _mean(rebuilt.kl[chosen]),
                images_recognised=_recognised(rebuilt.images, chosen, label),
                reconstructions_recognised=_recognised(rebuilt.reconstructions, chosen, label),
                samples_recognised=None if asked is None else _share(asked[label], label),
            )
        )
    return tuple(found)


def confusion(asked: Tensor, seen: ClassifierOutput) -> Tensor:
    """How often samples of the class that was asked for (rows) were taken for each class (columns)."""
    classes = seen.probabilities.shape[1]
    recognised = seen.probabilities.argmax(dim=1)
    return (asked * classes + recognised).bincount(minlength=classes**2).view(classes, classes)


def _mean(values: Tensor) -> float:
    return float(values.double().mean())


def _recognised(seen: ClassifierOutput | None, chosen: Tensor, label: int) -> float | None:
    if seen is None:
        return None
    return float((seen.probabilities[chosen].argmax(dim=1) == label).double().mean())


def _share(row: Tensor, label: int) -> float | None:
    total = int(row.sum())
    return int(row[label]) / total if total else None


def as_rows(counts: Tensor | None) -> tuple[tuple[int, ...], ...] | None:
    """A confusion as plain numbers."""
    return None if counts is None else tuple(tuple(row) for row in torch.as_tensor(counts).tolist())
