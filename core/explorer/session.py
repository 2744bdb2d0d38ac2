"""One run opened: its newest model, its images and their latents, each computed once and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from core.arrays import Labels, evenly_spaced
from core.data.images import ImageSet, RunImages, load_or_substitute
from core.data.registry import ImageSource
from core.explorer.protocol import Report
from core.latents import samplers
from core.latents.aggregate import Latents
from core.latents.encoding import encode
from core.latents.learned_prior import LearnedPrior, load_learned_prior
from core.latents.options import SAMPLERS, Part, SamplingOptions, check_sampler
from core.models.autoencoder import Autoencoder, fold_batch_norm
from core.models.weights import digest_of, epoch_of, load_autoencoder
from core.runs.config import RunConfig
from core.runs.first_stage import read_first_stage
from core.runs.keeping.evaluated import mark_of
from core.runs.run import Run

LATENTS_LIMIT = 10_000
R = TypeVar("R")
LoadImages = Callable[[ImageSource, Path], RunImages]


@dataclass(frozen=True, eq=False)
class Looked:
    """Images uint8 (N, 32, 32) with labels (N,), and their indices in a part of the image set."""

    images: Tensor
    labels: Tensor
    indices: Labels

    @classmethod
    def of(cls, images: Tensor, labels: Tensor, limit: int) -> Looked:
        """At most so many, evenly chosen."""
        indices = evenly_spaced(len(labels), limit)
        chosen = torch.from_numpy(indices)
        return cls(images[chosen], labels[chosen], indices)


class RunSession:
    """What is known of a run, shared by all threads that ask.

    Everything but `newest` is for the thread that is inside of it. What was computed with older weights is dropped.
    `limit` is the number of images of each part that are looked at, evenly chosen.
    """

    def __init__(
        self, run: Run, data_dir: Path, limit: int = LATENTS_LIMIT, load_images: LoadImages = load_or_substitute
    ) -> None:
        self.run, self._data_dir, self._limit, self._load_images = run, data_dir, limit, load_images
        self.version = 0  # of the weights
        self._lock = threading.Lock()
        self._kept: dict[Any, Any] = {}  # what was computed with these weights
        self._images: dict[Part, Looked] | None = None
        self._note = ""
        self.classes: tuple[str, ...] = ()  # the names of the labels, once the images were read; mostly none
        self._config: RunConfig | None = None
        self._report: Report | None = None
        self._words = ""

    @contextmanager
    def newest(self, report: Report) -> Iterator[Autoencoder]:
        """The newest model for inference, for one caller at a time and without gradients.

        `report` is told of what is computed meanwhile. Raises RunError before there are weights, DamagedFile or
        OSError.
        """
        if self._lock.locked() and self._words:
            report(self._words)
        with self._lock, torch.inference_mode():
            self._report = report
            try:
                yield self._newest_model()
            finally:
                self._report, self._words = None, ""  # a report may hold a screen

    def _newest_model(self) -> Autoencoder:
        version = self.run.weights_version()
        if version != self.version or "model" not in self._kept:
            self._kept, self.version = {}, version
            self.run.check_there()
            self._read_config()
            self._kept["model"] = fold_batch_norm(self._load_model())
        model: Autoencoder = self._kept["model"]
        return model

    @property
    def config(self) -> RunConfig:
        """The configuration that belongs to these weights."""
        assert self._config is not None
        return self._config

    def report(self, words: str) -> None:
        """Say what takes long, to the caller inside and to those who begin to wait."""
        self._words = words
        if self._report is not None:
            self._report(words)

    def counted(self, what: str, total: int) -> Callable[[int], None]:
        """Reports every thousand how many of `total` are done."""

        def report(done: int) -> None:
            if done % 1000 == 0:
                self.report(f"{what}: {min(done, total):,} of {total:,}")

        return report

    def keep(self, key: Any, compute: Callable[[], R]) -> R:
        """What was computed under this key with these weights, else what is computed now."""
        if key not in self._kept:
            self._kept[key] = compute()
        kept: R = self._kept[key]
        return kept

    def has(self, key: Any) -> bool:
        """Whether it was computed already."""
        return key in self._kept

    # The images

    @property
    def note(self) -> str:
        """What to know about the images, once they were read; mostly nothing."""
        return self._note

    def image_set(self) -> ImageSet:
        """The run's images, all of them, else a set that stands in for them; not kept. Raises DataError."""
        return self._read_images().images

    def _read_images(self) -> RunImages:
        self.report("reading the images")
        found = self._load_images(self.config.image_source, self._data_dir)
        self._note, self.classes = found.note or "", found.images.classes
        return found

    def _looked_at(self) -> dict[Part, Looked]:
        """The images that are looked at; the others, most of a large set, are given back."""
        if self._images is None:
            found = self._read_images().images
            parts: dict[Part, tuple[Tensor, Tensor]] = {
                "training": (found.train_images, found.train_labels),
                "validation": (found.validation_images, found.validation_labels),
            }
            self._images = {part: Looked.of(*pair, self._limit) for part, pair in parts.items()}
        return self._images

    def indices(self, part: Part) -> Labels:
        """The indices, in a part of the image set, of the images that are looked at."""
        return self._looked_at()[part].indices

    def images(self, part: Part) -> tuple[Tensor, Tensor]:
        """The images uint8 (N, 32, 32) of a part that are looked at, and their labels (N,)."""
        looked = self._looked_at()[part]
        return looked.images, looked.labels

    def image(self, part: Part, index: int) -> tuple[Tensor, int]:
        """One of these images uint8 (1, 32, 32), by its index in that part of the image set, and its label."""
        looked = self._looked_at()[part]
        place = int(np.searchsorted(looked.indices, index))
        return looked.images[place : place + 1], int(looked.labels[place])

    def latents(self, part: Part) -> Latents:
        """The latents of these images."""

        def compute() -> Latents:
            images, labels = self.images(part)
            return encode(self._kept["model"], images, labels, self.counted(f"encoding {part} images", len(images)))

        return self.keep(("latents", part), compute)

    # The weights

    def digest(self) -> str:
        """A checksum of the weights."""
        return self.keep("digest", lambda: digest_of(self._weights()))

    def mark(self) -> str:
        """What lists tell the file of the weights by."""
        return mark_of(self._weights())

    def epoch(self) -> int | None:
        """The number of finished epochs when the weights were saved; None where they do not say."""
        return epoch_of(self._weights())

    def sampler(
        self, name: str, options: SamplingOptions | None = None, go_on: Callable[[], object] = lambda: None
    ) -> samplers.Sampler:
        """A sampler by its name, fitted to training latents where it is fitted; what `go_on` raises ends the fit.

        Raises ConfigError.
        """
        match check_sampler(name, self.config.preset_record.samplers):
            case "prior":
                return samplers.standard_normal()
            case "learned":
                return self.learned_prior(options)
            case _:
                return self.keep(("sampler", name), lambda: self._fit_sampler(name, go_on))

    def learned_prior(self, options: SamplingOptions | None = None) -> LearnedPrior:
        """The learned prior with these options, else its default ones. Raises ConfigError for a run without one."""
        check_sampler("learned", self.config.preset_record.samplers)
        path, scheduler = self.run.weights_path(), self.config.dynamics
        learned = self.keep("learned prior", lambda: load_learned_prior(self._weights(), scheduler, path))
        return replace(learned, options=options or learned.options)

    def _read_config(self) -> None:
        config = self.run.config()
        if config != self._config:  # another run may have taken the place of one that was deleted
            self._config, self._images, self._note = config, None, ""

    def _fit_sampler(self, name: str, go_on: Callable[[], object]) -> samplers.Sampler:
        latents = self.latents("training")

        def report(part: float) -> None:
            self.report(f"fitting {SAMPLERS[name]}" + (f": {part:.0%}" if part else ""))
            go_on()

        report(0)
        return samplers.fit(name, latents, report)

    def _weights(self) -> bytes:
        return self.keep("weights", self.run.read_weights)

    def _load_model(self) -> Autoencoder:
        """The autoencoder; of a learned prior it is the first stage."""
        if self.config.preset_record.learns_prior:
            preset, content = read_first_stage(self.run)
            return load_autoencoder(content, preset, self.run.first_stage_path)
        return load_autoencoder(self._weights(), self.config.preset, self.run.weights_path())
