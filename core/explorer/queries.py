"""Questions about a run, answered with arrays; core.explorer.protocol says what each one gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad

from core.arrays import Bools, Floats, Images
from core.cores import CoreMeter, SharedThreads
from core.data.images import RunImages, load_or_substitute, one_of_each, pixels
from core.data.registry import ImageSource, not_looked_at
from core.errors import RunError, describe
from core.evaluation import kept
from core.evaluation.evaluate import Subject, evaluate
from core.evaluation.measuring.features import features_for
from core.explorer.moments import planes
from core.explorer.outputs.decoding import decoded, errors_of, reconstructed, shown
from core.explorer.outputs.flow import flow
from core.explorer.outputs.kept import evaluations_of
from core.explorer.outputs.neighbours import training_neighbours
from core.explorer.plane.density import density
from core.explorer.plane.embedded import project
from core.explorer.protocol import Report
from core.explorer.results import (
    Completions,
    EvaluationResult,
    ImageDetail,
    LatentProjection,
    Neighbours,
    Particles,
    ReconstructionPage,
    Reconstructions,
    Samples,
    Sketched,
)
from core.explorer.session import RunSession
from core.explorer.sketches.answers import answer
from core.explorer.sketches.completing import complete
from core.latents import paths
from core.latents.options import CompletionOptions, Order, Part, PathKind, ProjectionOptions, SamplingOptions
from core.latents.plane.density import PlaneDensity
from core.models.autoencoder import Autoencoder
from core.runs.run import Run
from core.shapes import PADDING


class RunExplorer:
    """Asks a session on behalf of one task; `report` is told what takes long."""

    def __init__(self, session: RunSession, report: Report = lambda words: None, moment: int | None = None) -> None:
        self.session, self._report, self.moment = session, report, moment

    @classmethod
    def open(
        cls, run: Run, data_dir: Path, report: Report = lambda words: None, tell: Report = lambda words: None
    ) -> RunExplorer:
        """An explorer with a session of its own, on the cores that others leave. Raises DamagedFile or OSError.

        `tell` is told where the images were read from, each time where that is not `data_dir`.
        """
        threads = SharedThreads(CoreMeter())

        def look_and_report(words: str) -> None:
            threads.adapt()
            report(words)

        def load(source: ImageSource, place: Path) -> RunImages:
            found = load_or_substitute(source, place)
            if not found.note and (words := not_looked_at(source, place)):
                tell(words)
            return found

        return cls(RunSession(run, data_dir, load_images=load), look_and_report)

    @property
    def note(self) -> str:
        return self.session.note

    @property
    def default_sampler(self) -> str:
        return self.session.run.config().preset_record.default_sampler

    def at(self, moment: int | None) -> RunExplorer:
        return RunExplorer(self.session, self._report, moment)

    def _open(self) -> AbstractContextManager[Autoencoder]:
        return self.session.at(self.moment, self._report)

    # Reconstructions

    def page(self, first: int, count: int, label: int | None = None, order: Order = "index") -> ReconstructionPage:
        session = self.session
        with self._open() as model:
            images, labels = session.images("validation")
            places = np.arange(len(labels)) if label is None else np.flatnonzero(labels.numpy() == label)
            if not len(places):
                raise RunError(f"no validation image is of class {label}")
            if order == "worst":
                with session.inside(None) as newest:  # at every moment the same digits
                    errors = errors_of(session, newest, label, places)
                places = places[np.argsort(-errors, kind="stable")]
            first = max(0, min(first, len(places) - 1))
            chosen = torch.as_tensor(places[first : first + count])
            x = pixels(images[chosen])
            output = reconstructed(model, x)
            indices = session.indices("validation")[chosen.numpy()]
            return ReconstructionPage(
                indices,
                labels[chosen].numpy(),
                output.errors,
                shown(x),
                output.images,
                first,
                len(places),
                session.classes,
            )

    def reconstruct(self, images: Images) -> Reconstructions:
        with self._open() as model:
            return reconstructed(model, pad(torch.from_numpy(images)[:, None], (PADDING,) * 4))

    def sketch(self, image: Images, nearest: int) -> Sketched:
        with self._open() as model:
            x = pad(torch.from_numpy(image)[None, None], (PADDING,) * 4)
            return answer(self.session, model, x, reconstructed(model, x), nearest, self.moment)

    def neighbours(self, images: Images, count: int) -> Neighbours:
        with self._open():
            found = self.session.image_set()
        return training_neighbours(found, images, count)  # which need not keep others waiting

    def complete(self, image: Images, hidden: Bools, options: CompletionOptions) -> Completions:
        return complete(self.session, self._open, image, hidden, options, self._report)

    def image_detail(self, index: int, samples: int, seed: int, part: Part = "validation") -> ImageDetail:
        with self._open() as model:
            image, label = self.session.image(part, index)
            x = pixels(image)
            output = reconstructed(model, x)
            posterior = model.encode(x)
            noise = torch.randn(samples, *model.latent_shape, generator=torch.Generator().manual_seed(seed))
            deviation = posterior.variance().sqrt()
            return ImageDetail(
                index,
                label,
                float(output.errors[0]),
                shown(x)[0],
                output.images[0],
                posterior.mean[0].numpy(),
                deviation[0].numpy(),
                shown(model.decode(posterior.mean + deviation * noise)),
                self.session.classes,
            )

    def pair(self, part: Part, index: int) -> tuple[Images, Images]:
        with self._open() as model:
            x = pixels(self.session.image(part, index)[0])
            return shown(x)[0], reconstructed(model, x).images[0]

    def preview(self) -> tuple[Images, Images]:
        with self._open() as model:
            if self.session.config.preset_record.learns_prior:
                learned = self.session.learned_prior()
                one, other = (decoded(model, learned.of_each_class(seed).numpy()) for seed in (0, 1))
                return one, other
            images, labels = self.session.images("validation")
            x = pixels(images[one_of_each(labels)])
            return shown(x), reconstructed(model, x).images

    # Samples and paths

    def samples(
        self,
        sampler: str,
        count: int,
        seed: int,
        temperature: float = 1.0,
        options: SamplingOptions | None = None,
        go_on: Callable[[], object] = lambda: None,
    ) -> Samples:
        with self._open() as model:
            with self.session.inside(None):  # at every moment the same latents
                z = self.session.sampler(sampler, options, go_on).sample(count, seed, temperature).numpy()
            return Samples(decoded(model, z), z)

    def denoising(
        self,
        frames: int,
        count: int,
        seed: int,
        temperature: float,
        options: SamplingOptions,
        show: Callable[[int, Samples], object],
    ) -> None:
        with self._open() as model:
            prior = self.session.learned_prior(options)
        kept = {math.ceil(options.steps * (frame + 1) / frames) for frame in range(frames)}
        with torch.inference_mode():  # it takes long: others may ask
            for step, z in enumerate(prior.denoise(count, seed, temperature), start=1):
                self._report(f"denoising: {step:,} of {options.steps:,} steps")
                if step in kept:
                    show(step, Samples(decoded(model, z.numpy()), z.numpy(), prior.classes))

    def flow(
        self,
        count: int,
        seed: int,
        options: SamplingOptions,
        plane: ProjectionOptions,
        start: Particles | None,
        show: Callable[[Particles], object],
    ) -> None:
        with self._open() as model:
            prior, onto = self.session.learned_prior(options), planes.plane(self.session, plane, None).linear
        assert onto is not None  # as those that are fitted are
        with torch.inference_mode():  # it takes long: others may ask
            flow(prior, model, onto, count, seed, start, self._report, show)

    def activity(self) -> Floats:
        with self._open():
            activity: Floats = self.session.latents("training").mean.var(axis=0)
            return activity

    def traversal(self, z: Floats, number: int, steps: int) -> Samples:
        with self._open() as model:
            path = paths.traverse(z, number, self.session.latents("training"), steps)
            return Samples(decoded(model, path), path)

    def interpolation(self, start: Floats, end: Floats, steps: int, path: PathKind) -> Samples:
        with self._open() as model:
            between = paths.interpolate(start, end, steps, path, self.session.latents("training").center)
            return Samples(decoded(model, between), between)

    def decode(self, z: Floats) -> Images:
        with self._open() as model:
            return decoded(model, z)

    # The plane

    def projection(self, options: ProjectionOptions) -> LatentProjection:
        return project(self.session, options, self.moment, self._open, self._report)

    def density(self, options: ProjectionOptions, sampler: str) -> PlaneDensity:
        return density(self.session, options, sampler, self.moment, self._open, self._report)

    # How good it is

    def check_evaluable(self) -> None:
        session = self.session
        session.run.check_there()
        with session.newest(self._report):
            if session.config.preset_record.learns_prior:
                session.learned_prior()

    def evaluations(self) -> list[EvaluationResult]:
        return evaluations_of(self.session.run)

    def evaluate(
        self,
        sampler: str,
        samples: int,
        seeds: int,
        options: SamplingOptions | None = None,
        show: Callable[[Mapping[str, Any]], object] = lambda figures: None,
    ) -> EvaluationResult:
        session = self.session
        self.check_evaluable()
        with session.newest(self._report) as model:
            images = session.image_set()
            subject = Subject(session.run.name, model, session.sampler(sampler, options), sampler)
            version, epoch, held_out = session.version, session.epoch(), session.config.holdout
            digest, mark = session.digest(), session.mark()
        # It takes minutes, in which others may ask.
        features = features_for(images, self._report)
        found = evaluate(subject, images, features, samples, seeds, self._report, show)
        note = session.note
        if held_out and not note:
            note = f"in place of test images: {held_out:,} that were held out of the training images"
        drawn = tuple(range(seeds))
        measured = kept.KeptEvaluation(weights=digest, mark=mark, epoch=epoch, note=note, seeds=drawn, evaluation=found)
        notes = (note, features.note, self._keep(measured))
        return EvaluationResult(found, version, epoch, ", ".join(filter(None, notes)))

    def _keep(self, measured: kept.KeptEvaluation) -> str:
        """Keep it in the run; why that cannot be, in words, else nothing."""
        run = self.session.run
        if run.read_only:
            return f"not kept: the run {run.read_only}"
        try:
            kept.keep(run.evaluation_path, measured)
        except OSError as error:
            return f"not kept: {describe(error)}"
        return ""
