"""One run opened for looking at: its newest model, its images and their latents, each computed once and kept."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from core.arrays import Floats, Images, Labels
from core.data.images import PADDING, RunImages, load_or_substitute, one_of_each, pixels
from core.errors import RunError
from core.explorer.results import ImageDetail, LatentProjection, ReconstructionPage, Samples
from core.latents import encoding, paths, samplers
from core.latents.encoding import Latents
from core.latents.learned_prior import LearnedPrior
from core.latents.options import SAMPLERS, Order, Part, PathKind, ProjectionOptions, SamplingOptions, default_sampler
from core.latents.projection import Projection, ProjectionError, fit_lda, fit_pca, most_active, pick_dims
from core.models import weights
from core.models.autoencoder import LATENT_SHAPE, Autoencoder, fold_batch_norm
from core.runs.run import Run

LATENTS_LIMIT = 10_000
BATCH = 250
Say = Callable[[str], object]
R = TypeVar("R")


class Explorer:
    """Answers what is asked about a run with arrays, from any thread.

    Every question is answered with the newest weights on disk; what was computed with older ones is dropped.
    Methods raise FileNotFoundError before there are weights, DamagedFile, DataError or OSError. `say` hears in a
    few words what takes long.
    """

    def __init__(self, run: Run, data_dir: Path, say: Say = lambda words: None) -> None:
        self.run, self.say = run, say
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._kept: dict[Any, Any] = {}  # what was computed with the weights of `_version`
        self._version: int | None = None
        self._source: RunImages | None = None

    @property
    def note(self) -> str:
        """What to know about the images that are shown, once they were read; mostly nothing."""
        return (self._source and self._source.note) or ""

    @property
    def default_sampler(self) -> str:
        """The sampler that suits the run's model. Raises DamagedFile or OSError."""
        return default_sampler(self.run.config().preset)

    # What is on the validation set

    def page(self, first: int, count: int, label: int | None = None, order: Order = "index") -> ReconstructionPage:
        """Validation images from place `first` on, of one class or of all, by index or worst first.

        Raises RunError when no image is of that class.
        """
        with self._newest() as model:
            images, labels = self._images("validation")
            places = np.arange(len(labels)) if label is None else np.flatnonzero(labels.numpy() == label)
            if not len(places):
                raise RunError(f"no validation image is of class {label}")
            if order == "worst":
                places = places[np.argsort(-self._errors(model, label, places), kind="stable")]
            first = max(0, min(first, len(places) - 1))
            chosen = torch.as_tensor(places[first : first + count])
            x = pixels(images[chosen])
            output = model.decode(model.encode(x).mode())
            errors = squared_error(x, output)
            return ReconstructionPage(
                chosen.numpy(), labels[chosen].numpy(), errors, shown(x), shown(output), first, len(places)
            )

    def closeup(self, index: int, samples: int, seed: int) -> ImageDetail:
        """One validation image, with what `samples` draws from its posterior decode to."""
        with self._newest() as model:
            images, labels = self._images("validation")
            x = pixels(images[index : index + 1])
            posterior = model.encode(x)
            output = model.decode(posterior.mode())
            noise = torch.randn(samples, *LATENT_SHAPE, generator=torch.Generator().manual_seed(seed))
            deviation = posterior.variance().sqrt()
            return ImageDetail(
                index,
                int(labels[index]),
                float(squared_error(x, output)[0]),
                shown(x)[0],
                shown(output)[0],
                posterior.mean[0].numpy(),
                deviation[0].numpy(),
                shown(model.decode(posterior.mean + deviation * noise)),
            )

    def one_of_each(self) -> tuple[Images, Images]:
        """The first validation image of each class and its reconstruction, each (classes, 28, 28).

        Of a run that learns a prior it is two samples of each class.
        """
        with self._newest() as model:
            if self.run.config().preset == "prior":
                learned = self._learned(model)
                one, other = (decoded(model, learned.of_each_class(seed).numpy()) for seed in (0, 1))
                return one, other
            images, labels = self._images("validation")
            x = pixels(images[one_of_each(labels)])
            return shown(x), shown(model.decode(model.encode(x).mode()))

    def reconstruct(self, images: Images) -> Images:
        """What the model makes of images (N, 28, 28) in [0, 1] by way of the posterior's mode."""
        with self._newest() as model:
            x = pad(torch.from_numpy(images)[:, None], (PADDING,) * 4)
            return shown(model.decode(model.encode(x).mode()))

    # Samples and paths

    def samples(
        self, sampler: str, count: int, seed: int, temperature: float = 1.0, wish: SamplingOptions | None = None
    ) -> Samples:
        """Decoded draws of a sampler; the same seed gives the same digits. Raises ConfigError."""
        with self._newest() as model:
            fitted = self._keep(("sampler", sampler, wish), lambda: self._fit_sampler(model, sampler, wish))
            z = fitted.sample(count, seed, temperature).numpy()
            return Samples(decoded(model, z), z)

    def denoising(self, frames: int, count: int, seed: int, temperature: float, wish: SamplingOptions) -> list[Samples]:
        """How draws of the learned prior come out of noise, in so many moments or fewer; the last are the draws.

        Raises ConfigError for a run that learns none.
        """
        with self._newest() as model:
            learned = replace(self._learned(model), wish=wish)
            shown = {math.ceil(wish.steps * (frame + 1) / frames) for frame in range(frames)}
            moments = []
            for step, z in enumerate(learned.walk(count, seed, temperature), start=1):
                self.say(f"denoising: {step:,} of {wish.steps:,} steps")
                if step in shown:
                    moments.append(Samples(decoded(model, z.numpy()), z.numpy()))
            return moments

    def traversal(self, z: Floats, number: int, steps: int) -> Samples:
        """The images along a path that moves one latent number of z (D,) from -3 to +3 deviations."""
        with self._newest() as model:
            path = paths.traverse(z, number, self._latents(model, "training"), steps)
            return Samples(decoded(model, path), path)

    def interpolation(self, start: Floats, end: Floats, steps: int, path: PathKind) -> Samples:
        """The images along a path between two latents (D,)."""
        with self._newest() as model:
            center = self._latents(model, "training").center
            between = paths.interpolate(start, end, steps, path, center)
            return Samples(decoded(model, between), between)

    # The plane

    def plane(self, choice: ProjectionOptions) -> LatentProjection:
        """The latents of a part projected to the plane. Raises RunError."""
        with self._newest() as model:
            # scikit-learn takes a second to import: the latents are encoded meanwhile.
            threading.Thread(target=import_module, args=("sklearn.discriminant_analysis",), daemon=True).start()
            seen = self._latents(model, choice.part)
            basis: Part = choice.part if choice.fit_on_shown else "training"
            fitted = self._latents(model, basis)
            key = (choice.projection, choice.numbers, basis)
            projection = self._keep(("projection", *key), lambda: self._fit_projection(choice, fitted))
            accuracy = self._keep(("accuracy", *key, choice.part), lambda: projection.accuracy(seen))
            points, indices = projection.project(seen.mean), np.arange(len(seen)) * self._stride(choice.part)
            return LatentProjection(choice, projection, points, seen.labels, len(fitted), accuracy, indices)

    def pair(self, part: Part, index: int) -> tuple[Images, Images]:
        """An image of a part and its reconstruction, each (28, 28)."""
        with self._newest() as model:
            images, _ = self._images(part)
            x = pixels(images[index : index + 1])
            return shown(x)[0], shown(model.decode(model.encode(x).mode()))[0]

    def decode(self, z: Floats) -> Images:
        """Images (N, 28, 28) in [0, 1] of latents (N, D)."""
        with self._newest() as model:
            return decoded(model, z)

    # What everything is computed from

    @contextmanager
    def _newest(self) -> Iterator[Autoencoder]:
        """The newest model, for one caller at a time and without gradients."""
        with self._lock, torch.inference_mode():
            version = self.run.weights_version()
            if version != self._version or "model" not in self._kept:
                self._kept, self._version = {}, version
                self._kept["model"] = fold_batch_norm(weights.load_model(self.run))
            yield self._kept["model"]

    def _keep(self, key: Any, compute: Callable[[], R]) -> R:
        if key not in self._kept:
            self._kept[key] = compute()
        kept: R = self._kept[key]
        return kept

    def _images(self, part: Part) -> tuple[Tensor, Tensor]:
        """Up to 10,000 images of a part, evenly chosen, and their labels."""
        if self._source is None:
            self.say("reading the images")
            self._source = load_or_substitute(self.run.config().image_source, self._data_dir)
        images = self._source.images
        stride = self._stride(part)
        if part == "validation":
            return images.validation_images[::stride], images.validation_labels[::stride]
        return images.train_images[::stride], images.train_labels[::stride]

    def _stride(self, part: Part) -> int:
        """One in how many images of a part is looked at."""
        assert self._source is not None
        images = self._source.images
        count = len(images.validation_images if part == "validation" else images.train_images)
        return -(-count // LATENTS_LIMIT)

    def _latents(self, model: Autoencoder, part: Part) -> Latents:
        def compute() -> Latents:
            images, labels = self._images(part)
            return encoding.encode(model, images, labels, _counted(self.say, f"encoding {part} images", len(images)))

        return self._keep(("latents", part), compute)

    def _errors(self, model: Autoencoder, label: int | None, places: Labels) -> Floats:
        """The errors of the images of a class, or of all, which are at these places."""
        if (whole := self._kept.get(("errors", None))) is not None:
            errors: Floats = whole[places]
            return errors

        def compute() -> Floats:
            images = self._images("validation")[0][torch.as_tensor(places)]
            say = _counted(self.say, "reconstructing validation images", len(images))
            errors = []
            for batch in images.split(BATCH):
                x = pixels(batch)
                errors.append(squared_error(x, model.decode(model.encode(x).mode())))
                say(len(errors) * BATCH)
            return np.concatenate(errors)

        return self._keep(("errors", label), compute)

    def _fit_projection(self, choice: ProjectionOptions, latents: Latents) -> Projection:
        try:
            match choice.projection:
                case "lda":
                    return fit_lda(latents)
                case "pca":
                    return fit_pca(latents)
                case _:
                    return pick_dims(latents, choice.numbers or most_active(latents))
        except ProjectionError as error:
            raise RunError(f"{self.run.name}: {error}") from error

    def _learned(self, model: Autoencoder) -> LearnedPrior:
        learned = self._keep(("sampler", "learned", None), lambda: self._fit_sampler(model, "learned"))
        assert isinstance(learned, LearnedPrior)
        return learned

    def _fit_sampler(self, model: Autoencoder, name: str, wish: SamplingOptions | None = None) -> samplers.Sampler:
        def latents() -> Latents:
            found = self._latents(model, "training")
            self.say(f"fitting {SAMPLERS[name]}")
            return found

        return samplers.of_run(self.run, name, latents, wish)


def squared_error(x: Tensor, output: Tensor) -> Floats:
    """The squared error of each image summed over its pixels, (N,), as in the loss."""
    errors: Floats = (output - x).square().sum(dim=(1, 2, 3)).numpy()
    return errors


def shown(images: Tensor) -> Images:
    """Images (N, 1, 32, 32) as they are shown: without the padding, (N, 28, 28) in [0, 1]."""
    inside = slice(PADDING, -PADDING)
    cut: Images = images[:, 0, inside, inside].clamp(0, 1).numpy()
    return cut


def decoded(model: Autoencoder, z: Floats) -> Images:
    """What latents (N, D) decode to as it is shown, (N, 28, 28) in [0, 1]."""
    batches = torch.as_tensor(np.asarray(z, np.float32)).view(-1, *LATENT_SHAPE).split(BATCH)
    return shown(torch.cat([model.decode(batch) for batch in batches]))


def _counted(say: Say, what: str, total: int) -> Callable[[int], None]:
    """Says every thousand how far something is."""

    def count(done: int) -> None:
        if done % 1000 == 0:
            say(f"{what}: {min(done, total):,} of {total:,}")

    return count
