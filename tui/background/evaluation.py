"""Measures how good a run's newest model is; loads PyTorch where it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.latents.options import SamplingOptions
from core.runs.run import Run, check_digits
from tui.messages import Cancelled, EvaluationResult

if TYPE_CHECKING:
    pass


Say = Callable[[str], object]


class EvaluationJob:
    """One that was asked for: with what, and what it is at."""

    def __init__(self, sampler: str, samples: int) -> None:
        self.sampler, self.samples = sampler, samples
        self.words = "about to begin"
        self.cancelled = False

    def say(self, words: str) -> None:
        """Called by the thread that measures. Raises Cancelled."""
        if self.cancelled:
            raise Cancelled
        self.words = words


class Evaluator(Protocol):
    """What the screen asks off the UI thread; tests put their own in its place."""

    def figures(self, run: Run) -> Mapping[str, str]:
        """What can be measured of a run, each with its meaning.

        Raises RunError, FileNotFoundError before there are weights, DamagedFile or OSError.
        """

    def measure(self, run: Run, sampler: str, samples: int, seeds: int, say: Say) -> EvaluationResult:
        """All figures of the newest weights. What `say` raises ends it; raises DataError and what `figures` does."""


class RunEvaluator:
    """Measures with the images of a run, else with those that stand in for them."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def figures(self, run: Run) -> Mapping[str, str]:
        from core.evaluation.evaluate import METRIC_DESCRIPTIONS
        from core.models.weights import load_model, load_prior

        config = run.config()
        check_digits(run, config.dataset)
        load_model(run)
        if config.preset == "prior":
            load_prior(run)
        return METRIC_DESCRIPTIONS

    def measure(
        self, run: Run, sampler: str, samples: int, seeds: int, say: Say, wish: SamplingOptions | None = None
    ) -> EvaluationResult:
        config = run.config()
        check_digits(run, config.dataset)
        from core.data.images import load_or_substitute
        from core.evaluation.evaluate import evaluate

        say("reading the images")
        source = load_or_substitute(config.image_source, self._data_dir)
        note = source.note
        if config.holdout and note is None:
            note = f"in place of test images: {config.holdout:,} that were held out of the training images"
        # Before the model is read: what a trainer saves meanwhile must not pass for what was measured.
        weights, epoch = run.weights_version(), _epoch(run.read_weights())
        evaluation = evaluate(run, source.images, sampler, samples, seeds, say, wish)
        return EvaluationResult(evaluation, weights, epoch, note or "")


def _epoch(weights: bytes) -> int | None:
    """After how many epochs weights were saved, None when they do not say it or are damaged."""
    import safetensors.torch
    from safetensors import SafetensorError

    from core.models.weights import metadata_of

    try:
        safetensors.torch.load(weights)
        return int(metadata_of(weights)["epoch"][:9])
    except (SafetensorError, KeyError, ValueError):
        return None
