"""Explorers that need no model."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.arrays import Bools, Floats, Images, Labels
from core.errors import RunError
from core.evaluation.results import ClassFigures, Evaluation, MeanStd
from core.explorer.protocol import Explorer, Report
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
from core.latents.aggregate import Latents
from core.latents.options import (
    EMBEDDINGS,
    CompletionOptions,
    Order,
    Part,
    PathKind,
    ProjectionOptions,
    SamplingOptions,
)
from core.latents.paths import interpolate
from core.latents.plane.density import PlaneDensity, PlanePoints, densities
from core.latents.plane.embedding import Embedding
from core.latents.projection import Projection, pick_dims
from core.runs.run import Run
from tests.support.images import dimmed, rings


class FakeExplorer:
    """Answers as an explorer does, without a model: image k is a ring of class k % 10, its reconstruction is fainter.

    `asked` has every question with what it was asked for, `reports` where each asker wants to hear of progress. What
    `fail` is set to is raised in place of an answer, and while `gate` is clear questions wait.
    """

    TOTAL = 205

    def __init__(self, run: Run, *, faintness: float = 0.5) -> None:
        self.run, self.faintness, self.note = run, faintness, ""
        self.moment: int | None = None
        self.moments: list[int | None] = []  # that were asked about
        self.evaluator = FakeEvaluator()
        self.classes: tuple[str, ...] = tuple(map(str, range(10)))
        self.activities = np.ones(64)
        self.endless = False  # whether embeddings and densities go on, saying so over and over
        self.spread = 0.25  # of every posterior; 0 is that of an autoencoder
        self.asked: list[tuple[Any, ...]] = []
        self.reports: list[Report] = []
        self.fail: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.askable: tuple[int, ...] | None = None  # of a learned prior
        self.steps_allowed: threading.Semaphore | None = None  # of denoising
        self._labels: Labels = np.arange(self.TOTAL) % 10
        angle = self._labels * np.pi / 5
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 3
        spread = np.random.default_rng(0).normal(0, 0.3, (self.TOTAL, 64))
        spread[:, :2] += circle
        self._latents = Latents(spread, np.full((self.TOTAL, 64), 0.01), self._labels)

    def at(self, moment: int | None) -> FakeExplorer:
        """Fainter the earlier it is; what is asked is told to this one."""
        if moment == self.moment:
            return self
        explorer = copy.copy(self)
        explorer.moment = moment
        if moment is not None:
            explorer.faintness = self.faintness * moment / (moment + 1000)
        return explorer

    @property
    def default_sampler(self) -> str:
        return "gaussian" if self.run.name.startswith("ae") else "prior"

    def times(self, question: str) -> int:
        """How often a question was asked."""
        return sum(asked[0] == question for asked in self.asked)

    def _hear(self, *question: Any) -> None:
        self.asked.append(question)
        self.moments.append(self.moment)
        if not self.gate.wait(10):
            raise TimeoutError(f"nobody let {question[0]} through")
        if self.fail is not None:
            raise self.fail

    def _go_on(self, words: str) -> None:
        report = self.reports[-1]
        while self.endless:
            report(words)
            time.sleep(0.01)

    def _originals(self, indices: Labels) -> Images:
        return rings(0.3 + (np.asarray(indices) % 10) / 20)

    def page(self, first: int, count: int, label: int | None = None, order: Order = "index") -> ReconstructionPage:
        self._hear("page", first, count, label, order)
        places = np.arange(self.TOTAL) if label is None else np.flatnonzero(self._labels == label)
        if label == 3:
            raise RunError("no validation image is of class 3")
        if order == "worst":
            places = places[::-1]
        first = max(0, min(first, len(places) - 1))
        indices = places[first : first + count]
        originals = self._originals(indices)
        rebuilt = dimmed(originals, self.faintness)
        errors = ((originals - rebuilt) ** 2).sum(axis=(1, 2)) + indices / 100
        return ReconstructionPage(
            indices, self._labels[indices], errors, originals, rebuilt, first, len(places), self.classes
        )

    def image_detail(self, index: int, samples: int, seed: int, part: Part = "validation") -> ImageDetail:
        self._hear("image_detail", index, samples, seed, part)
        (original,) = self._originals(np.array([index]))
        mean = ((np.arange(64.0).reshape(4, 4, 4) - 32 + index) / 10).astype(np.float32)
        drawn = np.stack([dimmed(original, 0.9 - number / 10) for number in range(samples)])
        return ImageDetail(
            index,
            index % 10,
            12.5,
            original,
            dimmed(original, 0.5),
            mean,
            np.full((4, 4, 4), self.spread, np.float32),
            np.roll(drawn, seed, 0),
            self.classes,
        )

    def sketch(self, image: Images, nearest: int) -> Sketched:
        self._hear("sketch", image.sum().item())
        near = np.arange(nearest)
        return Sketched(
            dimmed(image, self.faintness),
            float(image.sum()),
            self.spread * 100,
            np.zeros(64),
            ProjectionOptions(),
            np.array([image[:, :14].sum(), image[:, 14:].sum()]) / 100,
            self._originals(near),
            near % 10,
            near / 2 + 1.0,
            np.eye(10)[int(image.sum()) % 10] * 0.9 + 0.01,
            self.classes,
        )

    def neighbours(self, images: Images, count: int) -> Neighbours:
        self._hear("neighbours", len(images), count)
        near = np.arange(len(images))[:, None] + np.arange(count)
        labels = near % 10
        found = self._originals(near.ravel()).reshape(*near.shape, *images.shape[1:])
        return Neighbours(found, near, labels, near / 2 + 1.0, self.TOTAL, self.classes)

    def complete(self, image: Images, hidden: Bools, options: CompletionOptions) -> Completions:
        self._hear("complete", int(hidden.sum()), options)
        numbers = np.arange(options.count)
        images = np.where(hidden, rings(0.3 + (numbers + options.seed % 5) / 20), image)
        return Completions(images, np.zeros((options.count, 64)), numbers / 2, numbers)

    def preview(self) -> tuple[Images, Images]:
        self._hear("preview")
        originals = self._originals(np.arange(10))
        return originals, dimmed(originals, self.faintness)

    def reconstruct(self, images: Images) -> Reconstructions:
        self._hear("reconstruct", len(images))
        rebuilt = dimmed(images, self.faintness)
        return Reconstructions(rebuilt, ((images - rebuilt) ** 2).sum(axis=(1, 2)))

    def samples(
        self,
        sampler: str,
        count: int,
        seed: int,
        temperature: float = 1.0,
        options: SamplingOptions | None = None,
        go_on: Callable[[], object] = lambda: None,
    ) -> Samples:
        self._hear("samples", sampler, count, seed, temperature)
        z = np.random.default_rng(seed).standard_normal((count, 64)) * temperature
        return Samples(self._decoded(z), z)

    def denoising(
        self,
        frames: int,
        count: int,
        seed: int,
        temperature: float,
        options: SamplingOptions,
        show: Callable[[int, Samples], object],
    ) -> None:
        self._hear("denoising", frames, count, seed, temperature, options)
        noise = np.random.default_rng(seed).standard_normal((count, 64))
        shown = min(frames, options.steps)
        for frame in range(1, shown + 1):
            z = noise * (1 - (frame - 1) / shown)
            show(math.ceil(options.steps * frame / shown), Samples(self._decoded(z), z, self.askable))
            if self.steps_allowed is not None:
                self.steps_allowed.acquire(timeout=10)

    def flow(
        self,
        count: int,
        seed: int,
        options: SamplingOptions,
        plane: ProjectionOptions,
        start: Particles | None,
        show: Callable[[Particles], object],
    ) -> None:
        self._hear("flow", count, seed, options, None if start is None else start.step)
        labels = np.arange(count) % 10 if options.digit is None else np.full(count, options.digit)
        noise = np.random.default_rng(seed).standard_normal((count, 64))
        goal = self._latents.mean[labels]
        for step in range(0 if start is None else start.step + 1, options.steps + 1):
            z = noise + (goal - noise) * step / options.steps
            show(Particles(step, z, z[:, :2], labels, self._decoded(z[:8])))

    def activity(self) -> Floats:
        self._hear("activity")
        return self.activities

    def traversal(self, z: Floats, number: int, steps: int) -> Samples:
        self._hear("traversal", number, steps)
        path = np.repeat(z[None], steps, axis=0)
        path[:, number] = np.linspace(-3, 3, steps)
        return Samples(rings(0.5 + path[:, number] / 10), path)

    def interpolation(self, start: Floats, end: Floats, steps: int, path: PathKind) -> Samples:
        self._hear("interpolation", steps, path)
        between = interpolate(start, end, steps, path, np.zeros(64))
        return Samples(self._decoded(between), between)

    def projection(self, options: ProjectionOptions) -> LatentProjection:
        self._hear("projection", options)
        explained = None
        if options.projection in EMBEDDINGS:
            embedding, points = Embedding(options.projection, options.seed), self._latents.mean[:, :2]
            self._go_on("t-SNE: iteration 50 of 1,000")
            return LatentProjection(
                options, embedding, points, self._labels, 205, None, np.arange(self.TOTAL), self.classes, self.TOTAL
            )
        match options.projection:
            case "dims":
                projection = pick_dims(self._latents, options.numbers or (0, 1))
            case name:
                word = "discriminant" if name == "lda" else "component"
                explained = (0.315, 0.225)
                axes = (f"{word} 1", f"{word} 2")
                weights, covariance = np.eye(64)[:, :2], np.diag(np.full(64, 0.1))
                means = np.zeros((1, 64))
                title = name.upper()
                projection = Projection(title, axes, weights, np.zeros(64), means, np.ones(1), covariance, explained)
        accuracy = 0.875 if options.projection == "lda" else None
        points = projection.project(self._latents.mean)
        facts = (3500, accuracy, np.arange(self.TOTAL), self.classes, 0, self.activities)
        return LatentProjection(options, projection, points, self._labels, *facts)

    def density(self, options: ProjectionOptions, sampler: str) -> PlaneDensity:
        self._hear("density", options, sampler)
        self._go_on("drawing latents: 500 of 2,000")
        drawn = np.random.default_rng(0).standard_normal((2000, 2))
        return densities(self._latents.mean[None, :, :2], self._labels, PlanePoints(drawn))

    def pair(self, part: Part, index: int) -> tuple[Images, Images]:
        self._hear("pair", part, index)
        (original,) = self._originals(np.array([index]))
        return original, dimmed(original, self.faintness)

    def decode(self, z: Floats) -> Images:
        self._hear("decode", z)
        return self._decoded(z)

    def evaluations(self) -> list[EvaluationResult]:
        return list(self.evaluator.kept)

    def check_evaluable(self) -> None:
        self.evaluator.check()

    def evaluate(
        self,
        sampler: str,
        samples: int,
        seeds: int,
        options: SamplingOptions | None = None,
        show: Callable[[Mapping[str, Any]], object] = lambda figures: None,
    ) -> EvaluationResult:
        return self.evaluator.evaluate(self.run, sampler, samples, seeds, self.reports[-1], show)

    def _decoded(self, z: Floats) -> Images:
        return rings(0.5 + np.clip(z[:, 0], -3, 3) / 10)


class FakeEvaluator:
    """Measures without a model: each sampler has a Fréchet distance of its own, and newer weights a smaller one.

    `asked` has what was to be measured. What `fail` is set to is raised in place of figures; while `gate` is clear a
    measurement goes on, saying so over and over.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int, int]] = []
        self.ended, self.weights, self.epoch, self.note = 0, 1, 12, ""
        self.fail: Exception | None = None
        self.kept: list[EvaluationResult] = []
        self.gate = threading.Event()
        self.gate.set()
        self.words = "34%, seed 0: looking at samples: 3,000 of 10,000"
        self.partial: Mapping[str, Any] = {"frechet_floor": 0.07}

    def check(self) -> None:
        if self.fail is not None:
            raise self.fail

    def evaluate(
        self,
        run: Run,
        sampler: str,
        samples: int,
        seeds: int,
        report: Report,
        show: Callable[[Mapping[str, Any]], object],
    ) -> EvaluationResult:
        self.asked.append((run.name, sampler, samples, seeds))
        weights = self.weights
        try:
            report("reading the images")
            show(self.partial)
            while not self.gate.wait(0.01):
                report(self.words)
            if self.fail is not None:
                raise self.fail
        finally:
            self.ended += 1
        return EvaluationResult(
            make_evaluation(sampler, samples, seeds, 10.5 / weights), weights, self.epoch, self.note
        )


def make_evaluation(sampler: str = "prior", samples: int = 10_000, seeds: int = 3, frechet: float = 10.5) -> Evaluation:
    """What an evaluation of a variational autoencoder looks like."""
    return Evaluation(
        frechet_samples=MeanStd(frechet + len(sampler), 0.125, seeds),
        frechet_reconstructions=3.39,
        frechet_floor=0.06,
        precision=MeanStd(0.658, 0.009, seeds),
        recall=MeanStd(0.278, 0.002, seeds),
        classifier_confidence=MeanStd(0.923, 0.001, seeds),
        class_balance=MeanStd(0.826, 0.005, seeds),
        authenticity=MeanStd(0.612, 0.004, seeds),
        authenticity_floor=0.55,
        test_squared_error=14.02,
        elbo=MeanStd(-614.68, 0.01, seeds),
        iwae=MeanStd(-612.01, 0.07, seeds),
        active_units=8,
        sampler=sampler,
        sampling_options=None,
        samples=samples,
        dataset="mnist",
        classifier={"sha256": "0" * 64, "test_accuracy": "0.9959", "command": "python -m core.classifier"},
    )


def with_classes(evaluation: Evaluation, count: int) -> Evaluation:
    """The same with figures of so many classes; of what is asked for a tenth is taken for the next class."""
    classes = [
        ClassFigures(label, f"class{label}", 10 + label, 3.0 * label, 4.0, 0.99, 0.9, 0.8) for label in range(count)
    ]
    asked = [[90 * (one == two) + 10 * ((one + 1) % count == two) for two in range(count)] for one in range(count)]
    return replace(evaluation, classes=tuple(classes), asked=tuple(map(tuple, asked)))


class FakeExplorers(dict[Run, FakeExplorer]):
    """One for each run, made when it is asked for."""

    evaluator: FakeEvaluator | None = None  # of all runs; without it each has its own

    def of(self, run: Run, report: Report) -> Explorer:
        explorer = self.setdefault(run, FakeExplorer(run))
        explorer.reports.append(report)
        explorer.evaluator = self.evaluator or explorer.evaluator
        return explorer
