"""Measures how good a run's newest model is; loads PyTorch where it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.choices import Wish
from core.run import Run, check_digits

if TYPE_CHECKING:
    from core.evaluation import Evaluation

Say = Callable[[str], object]


@dataclass(frozen=True)
class Measured:
    """An evaluation, and of which weights: a number as of Run.weights_changed and, where they say it, their epoch."""

    evaluation: Evaluation
    weights: int
    epoch: int | None
    note: str = ""  # about the images, when they are not what they are said to be


class Cancelled(Exception):
    """The user does not want the figures any more."""


class Measurement:
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

    def measure(self, run: Run, sampler: str, samples: int, seeds: int, say: Say) -> Measured:
        """All figures of the newest weights. What `say` raises ends it; raises DataError and what `figures` does."""


class RunEvaluator:
    """Measures with the images of a run, else with those that stand in for them."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def figures(self, run: Run) -> Mapping[str, str]:
        from core import checkpoint
        from core.evaluation import MEANINGS

        config = run.config()
        check_digits(run, config.dataset)
        checkpoint.load_model(run)
        if config.preset == "prior":
            checkpoint.load_prior(run)
        return MEANINGS

    def measure(self, run: Run, sampler: str, samples: int, seeds: int, say: Say, wish: Wish | None = None) -> Measured:
        config = run.config()
        check_digits(run, config.dataset)
        from core.browsing import find_images
        from core.evaluation import evaluate

        say("reading the images")
        source = find_images(config, self._data_dir)
        note = source.note
        if config.holdout and note is None:
            note = f"in place of test images: {config.holdout:,} that were held out of the training images"
        # Before the model is read: what a trainer saves meanwhile must not pass for what was measured.
        weights, epoch = run.weights_changed(), _epoch(run.read_weights())
        evaluation = evaluate(run, source.images, sampler, samples, seeds, say, wish)
        return Measured(evaluation, weights, epoch, note or "")


def _epoch(weights: bytes) -> int | None:
    """After how many epochs weights were saved, None when they do not say it or are damaged."""
    import safetensors.torch
    from safetensors import SafetensorError

    from core.checkpoint import metadata_of

    try:
        safetensors.torch.load(weights)
        return int(metadata_of(weights)["epoch"][:9])
    except (SafetensorError, KeyError, ValueError):
        return None
