"""How good a run's model is: its samples, its reconstructions and its likelihood, with the floor beside them."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

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
from core.explorer.session import LATENTS_LIMIT
from core.latents import encoding, samplers
from core.latents.encoding import Latents
from core.latents.learned_prior import LearnedPrior
from core.latents.options import SAMPLERS, SamplingOptions, check_sampler
from core.models import weights
from core.models.autoencoder import LATENT_SHAPE, Autoencoder, fold_batch_norm, loss
from core.runs.run import Run, check_digits

BATCH = 250
MANIFOLD_LIMIT = 10_000
IMPORTANCE_SAMPLES = 1000
IMPORTANCE_IMAGES = 100  # of the test images: each takes as many decoded images as a thousand others
Say = Callable[[str], object]
METRIC_DESCRIPTIONS = {
    "frechet_samples": "squared Fréchet distance of samples to the training images in the classifier's features",
    "frechet_reconstructions": "the same of reconstructed test images: what samples can reach with this decoder",
    "frechet_floor": "the same of all test images themselves: what real digits have",
    "precision": "share of samples that lie among as many training images: do they look real",
    "recall": "share of as many training images that lie among samples: is everything there",
    "classifier_confidence": "mean probability of the likeliest class of a sample",
    "class_balance": "overlap of the classes of samples with those of training images; 1 is the same shares",
    "test_squared_error": "of a reconstructed test image, summed over its pixels",
    "elbo": "lower bound on the log-likelihood of a test image, in nats; decoder variance 1/2; an autoencoder has none",
    "iwae": "a tighter one from 1,000 samples of its posterior (Burda et al. 2016), by way of 100 test images",
    "active_units": "latent numbers of 64 whose posterior mean varies over the test images",
}


@dataclass(frozen=True)
class MeanStd:
    """A figure over n seeds; the sample standard deviation is None where n is 1."""

    mean: float
    std: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> MeanStd:
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class Evaluation:
    """What MEANINGS explains, and what it was measured with; the likelihood of an autoencoder is None."""

    frechet_samples: MeanStd
    frechet_reconstructions: float
    frechet_floor: float
    precision: MeanStd
    recall: MeanStd
    classifier_confidence: MeanStd
    class_balance: MeanStd
    test_squared_error: float
    elbo: MeanStd | None
    iwae: MeanStd | None
    active_units: int
    sampler: str
    wish: dict[str, float] | None  # guidance and steps, of a learned prior
    samples: int
    dataset: str
    classifier: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def evaluate(
    run: Run,
    images: ImageSet,
    sampler: str,
    samples: int,
    seeds: int,
    say: Say = lambda words: None,
    wish: SamplingOptions | None = None,
) -> Evaluation:
    """Everything about the newest weights of a run, from its image set; `samples` are drawn for each seed from 0 on.

    The spread is that of drawing again, not of training again. Raises ConfigError for a sampler that is unknown,
    RunError for images that are no digits or a model that decodes to no numbers, FileNotFoundError before there are
    weights, DamagedFile or OSError.
    """
    check_sampler(sampler, run.config().preset)
    check_digits(run, images.name)
    model, digits = fold_batch_norm(weights.load_model(run)), shipped()
    reference = Reference.of(digits, images.train_images, images.train_labels, say)
    test = classify(digits, _pixels(images.validation_images, "looking at test images", say))
    reconstructed, squared_error = _reconstruct(model, digits, images.validation_images, say)
    _check_numbers(run, reconstructed)
    draw, drawn = _sampler(run, model, images, sampler, wish, say), []
    for seed in range(seeds):
        z = draw.sample(samples, seed)
        judged = classify(digits, _decoded(model, z, f"seed {seed}: looking at samples", say))
        _check_numbers(run, judged)
        say(f"seed {seed}: comparing samples with training images")
        drawn.append(compare(judged, reference))
    bounds = [_bounds(model, images.validation_images, seed, say) for seed in range(seeds)]
    likelihoods = [bound for bound in bounds if bound is not None]
    return Evaluation(
        frechet_samples=MeanStd.of([figures.frechet for figures in drawn]),
        frechet_reconstructions=frechet_distance(fit_gaussian(reconstructed.features), reference.gaussian),
        frechet_floor=frechet_distance(fit_gaussian(test.features), reference.gaussian),
        precision=MeanStd.of([figures.precision for figures in drawn]),
        recall=MeanStd.of([figures.recall for figures in drawn]),
        classifier_confidence=MeanStd.of([figures.confidence for figures in drawn]),
        class_balance=MeanStd.of([figures.balance for figures in drawn]),
        test_squared_error=squared_error,
        elbo=MeanStd.of([lower for lower, _ in likelihoods]) if likelihoods else None,
        iwae=MeanStd.of([tighter for _, tighter in likelihoods]) if likelihoods else None,
        active_units=active_units(encoding.encode(model, images.validation_images, images.validation_labels)),
        sampler=sampler,
        wish=_granted(draw),
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
    def of(
        cls, classifier: DigitClassifier, images: Tensor, labels: Tensor, say: Say = lambda words: None
    ) -> Reference:
        """The reference that images uint8 (N, 32, 32) with labels (N,) are."""
        features = classify(classifier, _pixels(images, "looking at training images", say)).features
        return cls(fit_gaussian(features), features, class_shares(labels, CLASSES))


@dataclass(frozen=True)
class Fidelity:
    """How close one draw of samples comes to the training images."""

    frechet: float
    precision: float
    recall: float
    confidence: float
    balance: float


def compare(judged: ClassifierOutput, reference: Reference) -> Fidelity:
    """Samples against the training images; manifolds are of as many images of both, at most 10,000."""
    count = min(MANIFOLD_LIMIT, len(judged.features), len(reference.features))
    real, generated = (Manifold.around(_evenly(each.features, count)) for each in (reference, judged))
    confidence, classes = judged.probabilities.max(dim=1)
    return Fidelity(
        frechet_distance(fit_gaussian(judged.features), reference.gaussian),
        precision(real, generated),
        recall(real, generated),
        float(confidence.double().mean()),
        class_balance(class_shares(classes, CLASSES), reference.class_shares),
    )


@torch.inference_mode()
def _reconstruct(
    model: Autoencoder, classifier: DigitClassifier, images: Tensor, say: Say
) -> tuple[ClassifierOutput, float]:
    """What the classifier makes of reconstructions by the posterior's mode, and their mean squared error."""
    outputs, errors = [], []
    for x in _pixels(images, "reconstructing test images", say):
        posterior = model.encode(x)
        outputs.append(model.decode(posterior.mode()))
        errors.append(loss(x, outputs[-1], posterior).reconstruction)
    return classify(classifier, outputs), float(torch.cat(errors).double().mean())


def _check_numbers(run: Run, judged: ClassifierOutput) -> None:
    if not judged.features.isfinite().all():
        raise RunError(f"{run.name}: what the model decodes is not finite; its training diverged")


def _sampler(
    run: Run, model: Autoencoder, images: ImageSet, name: str, wish: SamplingOptions | None, say: Say
) -> samplers.Sampler:
    """The sampler of that name as the screens fit it: to the latents of 10,000 training images or fewer."""

    def latents() -> Latents:
        stride = -(-len(images.train_images) // LATENTS_LIMIT)
        say(f"fitting {SAMPLERS[name]}")
        return encoding.encode(model, images.train_images[::stride], images.train_labels[::stride])

    return samplers.of_run(run, name, latents, wish)


def _granted(sampler: samplers.Sampler) -> dict[str, float] | None:
    if not isinstance(sampler, LearnedPrior):
        return None
    return {"guidance": sampler.wish.guidance, "steps": sampler.wish.steps}


def _bounds(model: Autoencoder, images: Tensor, seed: int, say: Say) -> tuple[float, float] | None:
    """The mean ELBO of test images and their mean importance-weighted bound, in nats; None for an autoencoder.

    What many samples gain over one varies little from image to image: measured on some, it is added to the ELBO of all.
    """
    generator = torch.Generator().manual_seed(seed)
    if model.noise(1, generator) is None:
        return None
    say(f"seed {seed}: bounding the likelihood of test images")
    lower = float(elbo(model, images, generator).mean())
    chosen = _evenly(images, min(IMPORTANCE_IMAGES, len(images)))
    gains = []
    for done, image in enumerate(chosen):
        say(f"seed {seed}: importance-weighted bound: {done} of {len(chosen)} images")
        bounds = importance_bounds(model, image[None], IMPORTANCE_SAMPLES, generator)
        gains.append(float(bounds.importance_weighted - bounds.elbo))
    return lower, lower + statistics.fmean(gains)


def _evenly(items: Tensor, count: int) -> Tensor:
    """So many of the items (N, ...), evenly spaced."""
    return items[torch.arange(count) * len(items) // count]


def _pixels(images: Tensor, what: str, say: Say) -> Iterator[Tensor]:
    for number, batch in enumerate(images.split(BATCH)):
        say(f"{what}: {number * BATCH:,} of {len(images):,}")
        yield pixels(batch)


def _decoded(model: Autoencoder, z: Tensor, what: str, say: Say) -> Iterator[Tensor]:
    for number, batch in enumerate(z.split(BATCH)):
        say(f"{what}: {number * BATCH:,} of {len(z):,}")
        yield model.decode(batch.view(-1, *LATENT_SHAPE))


def _describe_classifier() -> dict[str, str]:
    """Which classifier it was: figures of different ones cannot be compared."""
    described = description()
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    return {"sha256": digest, "test_accuracy": described["test_accuracy"], "command": described["command"]}
