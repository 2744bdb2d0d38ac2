"""What an evaluation measures, and its results."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

METRIC_DESCRIPTIONS = {
    "frechet_samples": "squared Fréchet distance from samples to training images in the classifier's features",
    "frechet_reconstructions": "the same for reconstructed validation images: what this decoder can reach",
    "frechet_floor": "the same for the validation images themselves: what real images reach",
    "precision": "fraction of samples inside the manifold of as many training images",
    "recall": "fraction of as many training images inside the manifold of the samples",
    "classifier_confidence": "mean probability of the most likely class of a sample",
    "class_balance": "overlap of the class frequencies of samples and training images; 1 if equal",
    "authenticity": "fraction of samples no nearer to a training image than that is to its nearest other",
    "authenticity_floor": "the same for the validation images themselves: what images reach that are no copies",
    "test_squared_error": "squared error of a reconstructed validation image, summed over its pixels",
    "elbo": "lower bound in nats on the log-likelihood of a validation image; if Bernoulli, of binary draws of it",
    "iwae": "the ELBO and what 1,000 posterior samples gain (Burda et al. 2016), mean of at most 100 validation images",
    "active_units": "latent numbers whose posterior mean varies over the validation images",
}


@dataclass(frozen=True)
class MeanStd:
    """The mean of a metric over n seeds; the sample standard deviation is None where n is 1."""

    mean: float
    std: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> MeanStd:
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class ClassFigures:
    """How the validation images of one class come back, by the posterior's mode.

    `kl` of an autoencoder is None. What the classifier takes for this class, as fractions: of its images, of their
    reconstructions, and of samples of a learned prior that it was asked for; each None where there are none.
    """

    label: int
    name: str
    images: int
    squared_error: float
    kl: float | None
    images_recognised: float | None
    reconstructions_recognised: float | None
    samples_recognised: float | None


@dataclass(frozen=True)
class Evaluation:
    """The metrics that METRIC_DESCRIPTIONS explains, and what they were measured with.

    `elbo` and `iwae` of an autoencoder are None, as are the sampling options of anything but a learned prior. Without a
    classifier there is no comparison of samples: `left_out` says so. `asked` counts the samples of all seeds by the
    class that a learned prior was asked for (rows) and the one that the classifier takes them for (columns).
    """

    frechet_samples: MeanStd | None
    frechet_reconstructions: float | None
    frechet_floor: float | None
    precision: MeanStd | None
    recall: MeanStd | None
    classifier_confidence: MeanStd | None
    class_balance: MeanStd | None
    authenticity: MeanStd | None = field(default=None, kw_only=True)  # not measured by older versions
    authenticity_floor: float | None = field(default=None, kw_only=True)
    test_squared_error: float
    elbo: MeanStd | None
    iwae: MeanStd | None
    active_units: int
    sampler: str
    sampling_options: dict[str, float] | None  # guidance and steps
    samples: int
    dataset: str
    classifier: dict[str, str]
    seeds: int | None = None  # of results of older versions, see `draws`
    classes: tuple[ClassFigures, ...] = ()
    asked: tuple[tuple[int, ...], ...] | None = None
    left_out: str = ""
    likelihood: str = ""  # older versions do not say

    @property
    def draws(self) -> int:
        """How many times samples were drawn."""
        if self.seeds is not None:
            return self.seeds
        return self.frechet_samples.n if self.frechet_samples else 0

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, under the names that are printed."""
        content = asdict(self) | {"seeds": self.draws}
        return {"wish" if name == "sampling_options" else name: value for name, value in content.items()}
