"""One run opened: its newest model and those of its snapshots, its images and their latents, each computed once."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from core import files
from core.arrays import Labels, evenly_spaced
from core.data.images import ImageSet, RunImages, load_or_substitute
from core.data.registry import ImageSource
from core.errors import RunError
from core.explorer.protocol import Report
from core.explorer.results import class_names
from core.latents import samplers
from core.latents.aggregate import Latents
from core.latents.encoding import encode
from core.latents.learned_prior import LearnedPrior, load_learned_prior
from core.latents.options import SAMPLERS, Part, SamplingOptions, check_sampler, check_source
from core.models.autoencoder import Autoencoder, fold_batch_norm
from core.models.weights import digest_of, epoch_of, load_autoencoder
from core.runs.config import RunConfig
from core.runs.first_stage import read_first_stage
from core.runs.keeping.evaluated import mark_of
from core.runs.run import Run
from core.runs.snapshots.folder import Snapshot, file_name, folder_of

LATENTS_LIMIT = 10_000
MOMENT_LIMIT = 1_000  # images of a part whose latents are found at a moment of the training, in 0.1 s
MOMENTS_KEPT = 32  # a run has about thirty snapshots; the latents of both parts are 1 MB
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

    Everything but `newest` and `at` is for the thread that is inside of them. What was computed with the newest weights
    is dropped when there are newer ones; of the last moments looked at it is kept. `limit` images of a part are seen.
    """

    def __init__(
        self, run: Run, data_dir: Path, limit: int = LATENTS_LIMIT, load_images: LoadImages = load_or_substitute
    ) -> None:
        self.run, self._data_dir, self._limit, self._load_images = run, data_dir, limit, load_images
        self.version = 0  # of the newest weights
        self._lock = threading.Lock()
        self._newest: dict[Any, Any] = {}  # what was computed with the newest weights
        self._moments: dict[tuple[int, int], dict[Any, Any]] = {}  # and with those of a step, of such a version
        self._kept = self._newest  # those of them that are looked at
        self._limit_now = limit
        self._images: dict[Part, Looked] | None = None
        self.note = ""  # what to know about the images, once they were read; mostly nothing
        self.classes: tuple[str, ...] = ()  # the names of the labels, once the images were read; mostly none
        self._config: RunConfig | None = None
        self._report: Report | None = None
        self._words = ""

    def newest(self, report: Report) -> AbstractContextManager[Autoencoder]:
        """The newest model for inference, for one caller at a time and without gradients.

        `report` is told of what is computed meanwhile. Raises RunError before there are weights, DamagedFile or
        OSError.
        """
        return self.at(None, report)

    @contextmanager
    def at(self, moment: int | None, report: Report) -> Iterator[Autoencoder]:
        """The same for the snapshot of a step, None for the newest. Raises RunError also where that is gone."""
        if self._lock.locked() and self._words:
            report(self._words)
        with self._lock, torch.inference_mode():
            self._report = report
            try:
                self._open_newest()
                with self.inside(moment) as model:
                    yield model
            finally:
                self._report, self._words = None, ""  # a report may hold a screen

    @contextmanager
    def inside(self, moment: int | None) -> Iterator[Autoencoder]:
        """For the thread that is inside: look at another moment meanwhile. Raises as `at` does."""
        before = self._kept, self._limit_now
        try:
            if moment is None:
                self._kept, self._limit_now = self._newest, self._limit
            else:
                self._kept, self._limit_now = self._kept_at(moment), min(self._limit, MOMENT_LIMIT)
            yield self._model
        finally:
            self._kept, self._limit_now = before

    def _open_newest(self) -> None:
        self._kept, version = self._newest, self.run.weights_version()
        if version != self.version or "model" not in self._newest:
            self._newest = self._kept = {}
            self.version = version
            self.run.check_there()
            self._read_config()
            self._newest["model"] = fold_batch_norm(self._load_model())

    def _kept_at(self, moment: int) -> dict[Any, Any]:
        """What is known of a moment, with its model."""
        path = folder_of(self.run) / file_name(moment)
        key = moment, files.version(str(path))
        kept = self._moments.pop(key, {})
        if "model" not in kept:
            if self.config.preset_record.learns_prior:
                raise RunError(f"{self.run.name} is a learned prior, of which no snapshots are kept")
            try:
                content = Snapshot(moment, 0.0, path).read()
            except FileNotFoundError:
                raise RunError(f"{self.run.name} has no snapshot of step {moment:,} any more") from None
            kept["model"] = fold_batch_norm(load_autoencoder(content, self.config.preset, path))
        self._moments[key] = kept
        while len(self._moments) > MOMENTS_KEPT:
            del self._moments[next(iter(self._moments))]
        return kept

    @property
    def config(self) -> RunConfig:
        """The configuration that belongs to these weights."""
        assert self._config is not None
        return self._config

    @property
    def _model(self) -> Autoencoder:
        """That of the moment which is looked at."""
        model: Autoencoder = self._kept["model"]
        return model

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

    def image_set(self) -> ImageSet:
        """The run's images, all of them, else a set that stands in for them; not kept. Raises DataError."""
        return self._read_images().images

    def _read_images(self) -> RunImages:
        self.report("reading the images")
        found = self._load_images(self.config.image_source, self._data_dir)
        self.note, self.classes = found.note or "", class_names(found.images.name, found.images.classes)
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

    def places(self, part: Part) -> Labels | None:
        """Of which of these images there are latents; None stands for all."""
        total = len(self._looked_at()[part].labels)
        return None if total <= self._limit_now else evenly_spaced(total, self._limit_now)

    def image(self, part: Part, index: int) -> tuple[Tensor, int]:
        """One of these images uint8 (1, 32, 32), by its index in that part of the image set, and its label."""
        looked = self._looked_at()[part]
        place = int(np.searchsorted(looked.indices, index))
        return looked.images[place : place + 1], int(looked.labels[place])

    def latents(self, part: Part) -> Latents:
        """The latents of these images, at a moment of the training of some of them, evenly chosen."""

        def compute() -> Latents:
            images, labels = self.images(part)
            if (places := self.places(part)) is not None:
                images, labels = images[places], labels[places]
            return encode(self._model, images, labels, self.counted(f"encoding {part} images", len(images)))

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
        match check_source(name, self.config.sources):
            case "prior":
                return samplers.standard_normal(math.prod(self._model.latent_shape))
            case "grid":
                return samplers.QuantileGrid()
            case "learned":
                return self.learned_prior(options)
            case _:
                return self.keep(("sampler", name), lambda: self._fit_sampler(name, go_on))

    def learned_prior(self, options: SamplingOptions | None = None) -> LearnedPrior:
        """The learned prior with these options, else its default ones. Raises ConfigError, for a run without too."""
        check_sampler("learned", self.config.preset_record.samplers)
        path, scheduler = self.run.weights_path(), self.config.dynamics
        shape = self._model.latent_shape
        learned = self.keep("learned prior", lambda: load_learned_prior(self._weights(), shape, scheduler, path))
        return learned.asked(options) if options else learned

    def _read_config(self) -> None:
        config = self.run.config()
        if config != self._config:  # another run may have taken the place of one that was deleted
            self._config, self._images, self.note, self._moments = config, None, "", {}

    def _fit_sampler(self, name: str, go_on: Callable[[], object]) -> samplers.Sampler:
        latents = self.latents("training")

        def report(part: float) -> None:
            go_on()  # before anything is told of a fit that nobody waits for
            self.report(f"fitting {SAMPLERS[name]}" + (f": {part:.0%}" if part else ""))

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
