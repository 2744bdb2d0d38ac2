"""How good a model is: its samples, its reconstructions and its likelihood, with the floor beside them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.arrays import evenly_spaced
from core.data.images import ImageSet
from core.errors import RunError
from core.evaluation.classifier import ClassifierOutput, classify
from core.evaluation.fidelity import fit_gaussian, frechet_distance
from core.evaluation.likelihood import active_units, elbo, importance_bounds
from core.evaluation.measuring.by_class import Rebuilt, as_rows, confusion, figures_of_classes
from core.evaluation.measuring.features import Features
from core.evaluation.measuring.progress import (
    CLASSIFIED,
    DECODED,
    DENOISED,
    ENCODED,
    Progress,
    Report,
    Show,
    ignore,
)
from core.evaluation.measuring.reference import Fidelity, Reference, compare, compare_work
from core.evaluation.results import Evaluation, MeanStd
from core.latents.encoding import encode
from core.latents.learned_prior import LearnedPrior
from core.latents.samplers import Sampler
from core.models.autoencoder import Autoencoder, loss

IMPORTANCE_SAMPLES = 1000
IMPORTANCE_IMAGES = 100  # of the validation images: each takes as many decoded images as a thousand others


@dataclass(frozen=True, eq=False)
class Subject:
    """What is evaluated: a model for inference, a sampler of its latents and their names for messages and results."""

    name: str
    model: Autoencoder
    sampler: Sampler
    sampler_name: str

    @property
    def has_likelihood(self) -> bool:
        """Whether its posterior is a distribution: that of an autoencoder is a point."""
        return self.model.noise(1, torch.Generator()) is not None

    @property
    def sampling_options(self) -> dict[str, float] | None:
        """The options of a learned prior."""
        if not isinstance(self.sampler, LearnedPrior):
            return None
        return {"guidance": self.sampler.options.guidance, "steps": self.sampler.options.steps}


def evaluate(
    subject: Subject,
    images: ImageSet,
    features: Features,
    samples: int,
    seeds: int,
    report: Report = ignore,
    show: Show = ignore,
) -> Evaluation:
    """Every metric of a model, against its images; `samples` are drawn for each seed from 0 on.

    The deviation is that of drawing again, not of training again. `report` is told what is being done and how much is
    done, `show` the figures that are known by then. Raises RunError for a model that decodes to numbers that are not
    finite.
    """
    model, test = subject.model, images.validation_images
    progress = Progress(_work(subject, images, features, samples, seeds), report, show)
    rebuilt = _rebuild(subject, images, features, progress)
    figures = {
        "test_squared_error": float(rebuilt.squared_errors.double().mean()),
        "active_units": active_units(encode(model, test, images.validation_labels)),
    }
    progress.did(len(test) * ENCODED)
    progress.found(**figures)
    comparison = _Comparison(subject, images, features, rebuilt, progress) if features.classifier else None
    if comparison:
        progress.found(**comparison.figures)
    likelihoods: list[tuple[float, float]] = []
    for seed in range(seeds):
        if comparison:
            comparison.draw(samples, seed)
            progress.found(**comparison.figures)
        if subject.has_likelihood:
            likelihoods.append(_bounds(model, test, seed, progress))
            progress.found(**_likelihood(likelihoods))
    found: dict[str, Any] = dict.fromkeys((*COMPARED_BY, *OF_IMAGES))
    asked = comparison.asked if comparison else None
    found |= figures | (comparison.figures if comparison else {}) | _likelihood(likelihoods)
    return Evaluation(
        **found,
        sampler=subject.sampler_name,
        sampling_options=subject.sampling_options,
        samples=samples,
        dataset=images.name,
        classifier=features.described,
        seeds=seeds,
        classes=figures_of_classes(rebuilt, images.classes, asked) if images.is_labelled else (),
        asked=as_rows(asked),
        left_out=features.left_out,
        likelihood=model.likelihood,
    )


OF_IMAGES = ("frechet_reconstructions", "frechet_floor", "authenticity_floor")
# The metrics of one draw of samples, by their names in a result.
COMPARED_BY = {
    "frechet_samples": "frechet",
    "precision": "precision",
    "recall": "recall",
    "classifier_confidence": "confidence",
    "class_balance": "balance",
    "authenticity": "authenticity",
}


class _Comparison:
    """Samples and reconstructions against training images, in the features of a classifier."""

    def __init__(
        self, subject: Subject, images: ImageSet, features: Features, rebuilt: Rebuilt, progress: Progress
    ) -> None:
        assert features.classifier and rebuilt.images and rebuilt.reconstructions
        self._subject, self._classifier, self._progress = subject, features.classifier, progress
        self._reference = Reference.of(features.classifier, images.train_images, images.train_labels, progress)
        self._drawn: list[Fidelity] = []
        self.asked: Tensor | None = None  # and recognised, of a learned prior
        distances = map(self._distance, (rebuilt.reconstructions, rebuilt.images))
        self._of_images = dict(zip(OF_IMAGES, (*distances, self._reference.authenticity(rebuilt.images)), strict=True))

    def _distance(self, seen: ClassifierOutput) -> float:
        return frechet_distance(fit_gaussian(seen.features), self._reference.gaussian)

    @property
    def figures(self) -> dict[str, MeanStd | float]:
        """What is known, of the seeds that were drawn."""
        drawn = {
            name: MeanStd.of([getattr(each, field) for each in self._drawn])
            for name, field in COMPARED_BY.items()
            if self._drawn
        }
        return {**self._of_images, **drawn}

    def draw(self, samples: int, seed: int) -> None:
        """Compare the samples of one more seed."""
        z = self._sample(samples, seed)
        batches = self._progress.batches(z, f"seed {seed}: classifying samples", DECODED + CLASSIFIED)
        decoded = (self._subject.model.decode(batch) for batch in batches)
        seen = classify(self._classifier, decoded)
        _check_finite(self._subject.name, seen)
        self._progress.say(f"seed {seed}: comparing samples with training images")
        self._drawn.append(compare(seen, self._reference))
        self._progress.did(compare_work(samples, len(self._reference.features)))
        if isinstance(self._subject.sampler, LearnedPrior):
            found = confusion(self._subject.sampler.labels(samples, seed), seen)
            self.asked = found if self.asked is None else self.asked + found

    def _sample(self, samples: int, seed: int) -> Tensor:
        sampler = self._subject.sampler
        if not isinstance(sampler, LearnedPrior):
            return sampler.sample(samples, seed)
        steps = sampler.options.steps
        last = None
        for step, last in enumerate(sampler.denoise(samples, seed), start=1):  # noqa: B007 - the last is wanted
            self._progress.did(_work_of_a_step(sampler, samples))
            self._progress.say(f"seed {seed}: denoising samples: {step} of {steps} steps")
        assert last is not None
        return last


def _work_of_a_step(sampler: LearnedPrior, samples: int) -> float:
    return samples * DENOISED * (1 if sampler.options.guidance == 1 else 2)


def _work(subject: Subject, images: ImageSet, features: Features, samples: int, seeds: int) -> float:
    """All that is to be done, in images classified."""
    test, train, sampler = len(images.validation_images), len(images.train_images), subject.sampler
    work, of_seed = test * (2 * ENCODED + DECODED), 0.0
    if features.classifier:
        work += train * CLASSIFIED + 2 * test * CLASSIFIED
        of_seed += samples * (DECODED + CLASSIFIED) + compare_work(samples, train)
        if isinstance(sampler, LearnedPrior):
            of_seed += sampler.options.steps * _work_of_a_step(sampler, samples)
    if subject.has_likelihood:
        of_seed += test * (ENCODED + DECODED) + min(test, IMPORTANCE_IMAGES) * IMPORTANCE_SAMPLES * DECODED
    return work + seeds * of_seed


@torch.inference_mode()
def _rebuild(subject: Subject, images: ImageSet, features: Features, progress: Progress) -> Rebuilt:
    """The validation images and their reconstructions by the posterior's mode. Raises RunError."""
    model, classifier = subject.model, features.classifier
    outputs, errors, divergences = [], [], []
    for x in progress.pixels(images.validation_images, "reconstructing validation images", ENCODED + DECODED):
        posterior = model.encode(x)
        outputs.append(model.decode(posterior.mode()))
        parts = loss(x, outputs[-1], posterior)
        errors.append(parts.reconstruction)
        divergences.append(parts.kl)
    squared_errors = torch.cat(errors)
    seen = before = None
    if classifier:
        before = classify(
            classifier, progress.pixels(images.validation_images, "classifying validation images", 2 * CLASSIFIED)
        )
        seen = classify(classifier, outputs)
        _check_finite(subject.name, seen)
    if not squared_errors.isfinite().all():
        raise _not_finite(subject.name)
    kl = torch.cat(divergences) if subject.has_likelihood else None
    return Rebuilt(images.validation_labels, squared_errors, kl, before, seen)


def _check_finite(name: str, seen: ClassifierOutput) -> None:
    if not seen.features.isfinite().all():
        raise _not_finite(name)


def _not_finite(name: str) -> RunError:
    return RunError(f"{name}: what the model decodes is not finite; its training diverged")


def _likelihood(found: list[tuple[float, float]]) -> dict[str, MeanStd | None]:
    """The bounds of all seeds so far; none for an autoencoder."""
    if not found:
        return {"elbo": None, "iwae": None}
    return {
        "elbo": MeanStd.of([lower for lower, _ in found]),
        "iwae": MeanStd.of([tighter for _, tighter in found]),
    }


def _bounds(model: Autoencoder, images: Tensor, seed: int, progress: Progress) -> tuple[float, float]:
    """The mean ELBO of validation images and their mean importance-weighted bound, in nats.

    The gain of many samples over one varies less from image to image than the bounds: its mean over some, others for
    each seed, is added to the ELBO of all. That mean is sure to 0.1 nats; to 0.35 where the likelihood is Bernoulli.
    """
    generator = torch.Generator().manual_seed(seed)
    model.noise(1, generator)  # without effect, but on what the seed has given ever since
    progress.say(f"seed {seed}: bounding the likelihood of validation images")
    lower = float(elbo(model, images, generator).mean())
    progress.did(len(images) * (ENCODED + DECODED))
    apart = max(1, len(images) // IMPORTANCE_IMAGES)
    chosen = images[torch.from_numpy(evenly_spaced(len(images), IMPORTANCE_IMAGES) + seed % apart)]
    gains = []
    for done, image in enumerate(chosen):
        progress.say(f"seed {seed}: importance-weighted bound: {done} of {len(chosen)} images")
        bounds = importance_bounds(model, image[None], IMPORTANCE_SAMPLES, generator)
        gains.append(float(bounds.importance_weighted - bounds.elbo))
        progress.did(IMPORTANCE_SAMPLES * DECODED)
    return lower, lower + statistics.fmean(gains)
