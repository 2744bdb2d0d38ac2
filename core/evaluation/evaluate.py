"""How good a model is: its samples, its reconstructions and its likelihood, with the floor beside them."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.arrays import LATENT_SHAPE, evenly_spaced
from core.data.images import ImageSet, pixels
from core.errors import RunError
from core.evaluation.classifier import (
    CLASSES,
    WEIGHTS,
    ClassifierOutput,
    DigitClassifier,
    classify,
    description,
    shipped,
)
from core.evaluation.fidelity import (
    Gaussian,
    Manifold,
    class_balance,
    class_shares,
    fit_gaussian,
    frechet_distance,
    precision,
    recall,
)
from core.evaluation.likelihood import active_units, elbo, importance_bounds
from core.evaluation.results import Evaluation, MeanStd
from core.latents.encoding import encode
from core.latents.learned_prior import LearnedPrior
from core.latents.samplers import Sampler
from core.models.autoencoder import Autoencoder, loss

BATCH = 250
MANIFOLD_LIMIT = 10_000
IMPORTANCE_SAMPLES = 1000
IMPORTANCE_IMAGES = 100  # of the test images: each takes as many decoded images as a thousand others
Report = Callable[[str], object]


def ignore(words: str) -> None:
    """Reports to nobody."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is evaluated: a model for inference, a sampler of its latents and their names for messages and results."""

    name: str
    model: Autoencoder
    sampler: Sampler
    sampler_name: str


def evaluate(subject: Subject, images: ImageSet, samples: int, seeds: int, report: Report = ignore) -> Evaluation:
    """Every metric of a model, against digits; `samples` are drawn for each seed from 0 on.

    The deviation is that of drawing again, not of training again. `report` is told what is being done. Raises RunError
    for a model that decodes to numbers that are not finite.
    """
    model, classifier = subject.model, shipped()
    reference = Reference.of(classifier, images.train_images, images.train_labels, report)
    test = classify(classifier, _pixels(images.validation_images, "classifying test images", report))
    reconstructed, squared_error = _reconstruct(model, classifier, images.validation_images, report)
    _check_finite(subject.name, reconstructed)
    drawn = []
    for seed in range(seeds):
        z = subject.sampler.sample(samples, seed)
        seen = classify(classifier, _decoded(model, z, f"seed {seed}: classifying samples", report))
        _check_finite(subject.name, seen)
        report(f"seed {seed}: comparing samples with training images")
        drawn.append(compare(seen, reference))
    bounds = [_bounds(model, images.validation_images, seed, report) for seed in range(seeds)]
    likelihoods = [bound for bound in bounds if bound is not None]
    return Evaluation(
        frechet_samples=MeanStd.of([found.frechet for found in drawn]),
        frechet_reconstructions=frechet_distance(fit_gaussian(reconstructed.features), reference.gaussian),
        frechet_floor=frechet_distance(fit_gaussian(test.features), reference.gaussian),
        precision=MeanStd.of([found.precision for found in drawn]),
        recall=MeanStd.of([found.recall for found in drawn]),
        classifier_confidence=MeanStd.of([found.confidence for found in drawn]),
        class_balance=MeanStd.of([found.balance for found in drawn]),
        test_squared_error=squared_error,
        elbo=MeanStd.of([lower for lower, _ in likelihoods]) if likelihoods else None,
        iwae=MeanStd.of([tighter for _, tighter in likelihoods]) if likelihoods else None,
        active_units=active_units(encode(model, images.validation_images, images.validation_labels)),
        sampler=subject.sampler_name,
        sampling_options=_sampling_options(subject.sampler),
        samples=samples,
        dataset=images.name,
        classifier=_describe_classifier(),
    )


@dataclass(frozen=True, eq=False)
class Reference:
    """The training images as the classifier sees them: what generated images are compared with."""

    gaussian: Gaussian
    features: Tensor  # (N, 64)
    class_shares: Tensor  # (10,), by their labels

    @classmethod
    def of(cls, classifier: DigitClassifier, images: Tensor, labels: Tensor, report: Report = ignore) -> Reference:
        """The reference made of images uint8 (N, 32, 32) with labels (N,)."""
        features = classify(classifier, _pixels(images, "classifying training images", report)).features
        return cls(fit_gaussian(features), features, class_shares(labels, CLASSES))


@dataclass(frozen=True)
class Fidelity:
    """How close one draw of samples comes to the training images."""

    frechet: float
    precision: float
    recall: float
    confidence: float
    balance: float


def compare(seen: ClassifierOutput, reference: Reference) -> Fidelity:
    """Samples against the training images; manifolds are of as many images of both, at most 10,000."""
    count = min(MANIFOLD_LIMIT, len(seen.features), len(reference.features))
    real, generated = (Manifold.around(_evenly(each.features, count)) for each in (reference, seen))
    confidence, classes = seen.probabilities.max(dim=1)
    return Fidelity(
        frechet_distance(fit_gaussian(seen.features), reference.gaussian),
        precision(real, generated),
        recall(real, generated),
        float(confidence.double().mean()),
        class_balance(class_shares(classes, CLASSES), reference.class_shares),
    )


@torch.inference_mode()
def _reconstruct(
    model: Autoencoder, classifier: DigitClassifier, images: Tensor, report: Report
) -> tuple[ClassifierOutput, float]:
    """The classifier's output for reconstructions by the posterior's mode, and their mean squared error."""
    outputs, errors = [], []
    for x in _pixels(images, "reconstructing test images", report):
        posterior = model.encode(x)
        outputs.append(model.decode(posterior.mode()))
        errors.append(loss(x, outputs[-1], posterior).reconstruction)
    return classify(classifier, outputs), float(torch.cat(errors).double().mean())


def _check_finite(name: str, seen: ClassifierOutput) -> None:
    if not seen.features.isfinite().all():
        raise RunError(f"{name}: what the model decodes is not finite; its training diverged")


def _sampling_options(sampler: Sampler) -> dict[str, float] | None:
    if not isinstance(sampler, LearnedPrior):
        return None
    return {"guidance": sampler.options.guidance, "steps": sampler.options.steps}


def _bounds(model: Autoencoder, images: Tensor, seed: int, report: Report) -> tuple[float, float] | None:
    """The mean ELBO of test images and their mean importance-weighted bound, in nats; None for an autoencoder.

    The gain of many samples over one varies little from image to image: measured on some, it is added to the ELBO.
    """
    generator = torch.Generator().manual_seed(seed)
    if model.noise(1, generator) is None:
        return None
    report(f"seed {seed}: bounding the likelihood of test images")
    lower = float(elbo(model, images, generator).mean())
    chosen = _evenly(images, IMPORTANCE_IMAGES)
    gains = []
    for done, image in enumerate(chosen):
        report(f"seed {seed}: importance-weighted bound: {done} of {len(chosen)} images")
        bounds = importance_bounds(model, image[None], IMPORTANCE_SAMPLES, generator)
        gains.append(float(bounds.importance_weighted - bounds.elbo))
    return lower, lower + statistics.fmean(gains)


def _evenly(items: Tensor, limit: int) -> Tensor:
    return items[torch.from_numpy(evenly_spaced(len(items), limit))]


def _pixels(images: Tensor, what: str, report: Report) -> Iterator[Tensor]:
    for number, batch in enumerate(images.split(BATCH)):
        report(f"{what}: {number * BATCH:,} of {len(images):,}")
        yield pixels(batch)


def _decoded(model: Autoencoder, z: Tensor, what: str, report: Report) -> Iterator[Tensor]:
    for number, batch in enumerate(z.split(BATCH)):
        report(f"{what}: {number * BATCH:,} of {len(z):,}")
        yield model.decode(batch.view(-1, *LATENT_SHAPE))


def _describe_classifier() -> dict[str, str]:
    """Which classifier it was: metrics of different ones cannot be compared."""
    described = description()
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    return {"sha256": digest, "test_accuracy": described["test_accuracy"], "command": described["command"]}
