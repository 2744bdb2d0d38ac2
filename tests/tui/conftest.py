"""An app that is fed by hand, and its screen as text."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
import pytest
from rich.console import Console
from textual.app import App
from textual.pilot import Pilot

from core.errors import RunError
from core.evaluation.results import Evaluation, MeanStd
from core.explorer.protocol import Explorer, Report
from core.explorer.results import (
    EvaluationResult,
    ImageDetail,
    LatentProjection,
    ReconstructionPage,
    Reconstructions,
    Samples,
)
from core.latents.aggregate import Latents
from core.latents.options import ProjectionOptions, SamplingOptions
from core.latents.paths import interpolate
from core.latents.projection import Projection, pick_dims
from core.runs.catalog import RunSummary
from core.runs.config import RunConfig
from core.runs.metrics import EPOCH_COLUMNS, STEP_COLUMNS
from core.runs.run import Run
from core.runs.settings import defaults
from core.runs.status import DeviceLoad, State, Status
from tui.app import Sources, VaeTui
from tui.messages import Preview, RunUpdate, Snapshot
from tui.screens.base import ExploreScreen

News = TypeVar("News")


class HandFed(Generic[News]):
    """A reader that hands on what a test puts in."""

    def __init__(self, *news: News) -> None:
        self.waiting = list(news)
        self.polls = 0

    def poll(self) -> News | None:
        self.polls += 1
        return self.waiting.pop(0) if self.waiting else None


def rings(inner: Any, thickness: float = 0.15) -> np.ndarray:
    """Images (N, 28, 28) of one ring each, of these radii; 1 is the radius of the image."""
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    radius = np.hypot(x, y)
    return (np.abs(radius - np.asarray(inner)[:, None, None]) < thickness).astype(np.float32)


class Pictures:
    """Gives the same rings over and over, or a message."""

    def __init__(self, run: Run, message: str = "") -> None:
        self.run, self.message, self.reads = run, message, 0

    def read(self) -> Preview:
        self.reads += 1
        if self.message:
            return Preview(self.run, message=self.message)
        originals = rings(0.3 + np.arange(10) / 20)
        return Preview(self.run, originals, originals / 2)


class FakeExplorer:
    """Answers as an explorer does, without a model: image k is a ring of class k % 10, its reconstruction is fainter.

    `asked` has every question with what it was asked for, `reports` where each asker wants to hear of progress. What
    `fail` is set to is raised in place of an answer, and while `gate` is clear questions wait.
    """

    TOTAL = 205

    def __init__(self, run: Run, *, faintness: float = 0.5) -> None:
        self.run, self.faintness, self.note = run, faintness, ""
        self.evaluator = FakeEvaluator()
        self.spread = 0.25  # of every posterior; 0 is that of an autoencoder
        self.asked: list[tuple[Any, ...]] = []
        self.reports: list[Report] = []
        self.fail: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self._labels = np.arange(self.TOTAL) % 10
        angle = self._labels * np.pi / 5
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 3
        spread = np.random.default_rng(0).normal(0, 0.3, (self.TOTAL, 64))
        spread[:, :2] += circle
        self._latents = Latents(spread, np.full((self.TOTAL, 64), 0.01), self._labels)

    @property
    def default_sampler(self) -> str:
        return "gaussian" if self.run.name.startswith("ae") else "prior"

    def times(self, question: str) -> int:
        """How often a question was asked."""
        return sum(asked[0] == question for asked in self.asked)

    def _hear(self, *question: Any) -> None:
        self.asked.append(question)
        if not self.gate.wait(10):
            raise TimeoutError(f"nobody let {question[0]} through")
        if self.fail is not None:
            raise self.fail

    def _originals(self, indices: np.ndarray) -> np.ndarray:
        return rings(0.3 + (np.asarray(indices) % 10) / 20)

    def page(self, first: int, count: int, label: int | None = None, order: str = "index") -> ReconstructionPage:
        self._hear("page", first, count, label, order)
        places = np.arange(self.TOTAL) if label is None else np.flatnonzero(self._labels == label)
        if label == 3:
            raise RunError("no validation image is of class 3")
        if order == "worst":
            places = places[::-1]
        first = max(0, min(first, len(places) - 1))
        indices = places[first : first + count]
        originals = self._originals(indices)
        rebuilt = originals * self.faintness
        errors = ((originals - rebuilt) ** 2).sum(axis=(1, 2)) + indices / 100
        return ReconstructionPage(indices, self._labels[indices], errors, originals, rebuilt, first, len(places))

    def image_detail(self, index: int, samples: int, seed: int) -> ImageDetail:
        self._hear("image_detail", index, samples, seed)
        (original,) = self._originals(np.array([index]))
        mean = (np.arange(64.0).reshape(4, 4, 4) - 32 + index) / 10
        drawn = np.stack([original * (0.9 - number / 10) for number in range(samples)])
        return ImageDetail(
            index,
            index % 10,
            12.5,
            original,
            original / 2,
            mean,
            np.full((4, 4, 4), self.spread),
            np.roll(drawn, seed, 0),
        )

    def preview(self) -> tuple[np.ndarray, np.ndarray]:
        self._hear("preview")
        originals = self._originals(np.arange(10))
        return originals, originals * self.faintness

    def reconstruct(self, images: np.ndarray) -> Reconstructions:
        self._hear("reconstruct", len(images))
        rebuilt = images * self.faintness
        return Reconstructions(rebuilt, ((images - rebuilt) ** 2).sum(axis=(1, 2)))

    def samples(
        self, sampler: str, count: int, seed: int, temperature: float = 1.0, options: SamplingOptions | None = None
    ) -> Samples:
        self._hear("samples", sampler, count, seed, temperature)
        z = np.random.default_rng(seed).standard_normal((count, 64)) * temperature
        return Samples(self._decoded(z), z)

    def denoising(self, frames: int, count: int, seed: int, temperature: float, wish: SamplingOptions) -> list[Samples]:
        self._hear("denoising", frames, count, seed, temperature, wish)
        noise = np.random.default_rng(seed).standard_normal((count, 64))
        paths = [noise * (frames - frame) / frames for frame in range(frames)]
        return [Samples(self._decoded(z), z) for z in paths]

    def traversal(self, z: np.ndarray, number: int, steps: int) -> Samples:
        self._hear("traversal", number, steps)
        path = np.repeat(z[None], steps, axis=0)
        path[:, number] = np.linspace(-3, 3, steps)
        return Samples(rings(0.5 + path[:, number] / 10), path)

    def interpolation(self, start: np.ndarray, end: np.ndarray, steps: int, path: str) -> Samples:
        self._hear("interpolation", steps, path)
        between = interpolate(start, end, steps, path, np.zeros(64))  # type: ignore[arg-type]
        return Samples(self._decoded(between), between)

    def projection(self, choice: ProjectionOptions) -> LatentProjection:
        self._hear("projection", choice)
        explained = None
        match choice.projection:
            case "dims":
                projection = pick_dims(self._latents, choice.numbers or (0, 1))
            case name:
                word = "discriminant" if name == "lda" else "component"
                explained = (0.315, 0.225)
                axes = (f"{word} 1", f"{word} 2")
                weights, covariance = np.eye(64)[:, :2], np.diag(np.full(64, 0.1))
                means = np.zeros((1, 64))
                projection = Projection(name, axes, weights, np.zeros(64), means, np.ones(1), covariance, explained)
        accuracy = 0.875 if choice.projection == "lda" else None
        points = projection.project(self._latents.mean)
        return LatentProjection(choice, projection, points, self._labels, 3500, accuracy, np.arange(self.TOTAL))

    def pair(self, part: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        self._hear("pair", part, index)
        (original,) = self._originals(np.array([index]))
        return original, original * self.faintness

    def decode(self, z: np.ndarray) -> np.ndarray:
        self._hear("decode", z)
        return self._decoded(z)

    def check_evaluable(self) -> None:
        self.evaluator.check()

    def evaluate(
        self, sampler: str, samples: int, seeds: int, options: SamplingOptions | None = None
    ) -> EvaluationResult:
        return self.evaluator.evaluate(self.run, sampler, samples, seeds, self.reports[-1])

    def _decoded(self, z: np.ndarray) -> np.ndarray:
        return rings(0.5 + np.clip(z[:, 0], -3, 3) / 10)


class FakeEvaluator:
    """Measures without a model: each sampler has a Fréchet distance of its own, and newer weights a smaller one.

    `asked` has what was to be measured. What `fail` is set to is raised in place of figures; while `gate` is clear a
    measurement goes on, saying so over and over.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int, int]] = []
        self.ended = 0
        self.weights, self.epoch, self.note = 1, 12, ""
        self.fail: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.words = "seed 0: looking at samples: 3,000 of 10,000"

    def check(self) -> None:
        if self.fail is not None:
            raise self.fail

    def evaluate(self, run: Run, sampler: str, samples: int, seeds: int, report: Report) -> EvaluationResult:
        self.asked.append((run.name, sampler, samples, seeds))
        weights = self.weights
        try:
            report("reading the images")
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


class FakeExplorers(dict[Run, FakeExplorer]):
    """One for each run, made when it is asked for."""

    evaluator: FakeEvaluator | None = None  # of all runs; without it each has its own

    def of(self, run: Run, report: Report) -> Explorer:
        explorer = self.setdefault(run, FakeExplorer(run))
        explorer.reports.append(report)
        explorer.evaluator = self.evaluator or explorer.evaluator
        return cast(Explorer, explorer)


def make_summary(name: str = "vae-mnist", state: State = State.RUNNING, **news: Any) -> RunSummary:
    """A run in the middle of its third epoch of ten."""
    status = Status(
        state=state,
        pid=4711,
        host="gpu-box",
        activity="training" if state is State.RUNNING else "",
        epoch=2,
        epochs=10,
        step=1172,
        steps_per_epoch=469,
        images_per_second=2400,
        device="cuda:0",
        device_name="NVIDIA H100",
        device_load=DeviceLoad(utilisation=93, memory_used=1_200_000_000, memory_total=85_000_000_000),
        **{field: news.pop(field) for field in ("error", "cause", "learning_rate", "saved_step") if field in news},
    )
    chosen = {"preset": news.pop("preset", "vae"), "dynamics": news.pop("dynamics", "flow"), "epochs": 10}
    values: dict[str, Any] = {
        "config": RunConfig(**defaults(chosen) | chosen | {"dataset": "mnist", "created": "2026-01-02"}),
        "status": status,
        "state": state,
        "train_loss": 42.125,
        "val_loss": 40.5,
        "changed": time.time() - 3 * 3600,
    }
    return RunSummary(Run(Path("checkpoints") / name), **(values | news))


def make_snapshot(
    summary: RunSummary | None = None,
    *,
    steps: int = 60,
    weights: int = 1,
    distances: tuple[float, float] | None = None,
) -> Snapshot:
    """Curves that fall, with two validations, and two measurements of samples where they are given."""
    step = np.linspace(1172 / max(steps, 1), 1172, steps)
    parts = {"reconstruction": 30 + 300 * np.exp(-step / 200), "kl": 12 - 6 * np.exp(-step / 300)}
    values = parts | {"step": step, "loss": parts["reconstruction"] + parts["kl"], "time": step / 18.75}
    values["images_per_second"] = np.full(steps, 2400.0)
    epochs = {"step": np.array([469.0, 938.0]), "frechet": np.array(distances or (np.nan, np.nan))}
    for part, ends in (("loss", (60, 40.5)), ("reconstruction", (50, 29.5)), ("kl", (10, 11))):
        epochs[f"val_{part}"] = np.array(ends, dtype=np.float64)
    return Snapshot(
        summary or make_summary(),
        {name: values.get(name, np.zeros(steps)) for name in STEP_COLUMNS},
        {name: epochs.get(name, np.zeros(2)) for name in EPOCH_COLUMNS}
        if steps
        else dict.fromkeys(EPOCH_COLUMNS, step),
        weights,
    )


def make_sighting(summary: RunSummary | None = None, weights: int = 1) -> RunUpdate:
    """A run whose newest weights are number `weights`."""
    return RunUpdate(summary or make_summary(), weights)


@pytest.fixture(autouse=True)
def sixteen_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 256 colours pictures are shades, which a snapshot of the text shows."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.fixture
def truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., VaeTui]:
    """An app that shows what it is given; its runs folder is empty."""

    def make(
        runs: list[RunSummary] | None = None,
        snapshot: Snapshot | None = None,
        pictures: Callable[[Run], Pictures] = Pictures,
        sightings: Callable[[Run], HandFed[RunUpdate]] | None = None,
        explorer: Callable[[Run, Report], Explorer] | None = None,
        snapshots: Callable[[Run], HandFed[Snapshot]] | None = None,
        evaluator: FakeEvaluator | None = None,
    ) -> VaeTui:
        def summary_of(run: Run) -> RunSummary:
            shown = snapshot.summary if snapshot else make_summary()
            return replace(shown, run=run)

        explorers = FakeExplorers()
        explorers.evaluator = evaluator
        sources = Sources(
            runs=lambda: HandFed([make_summary()] if runs is None else runs),
            run=snapshots or (lambda run: HandFed(snapshot or make_snapshot())),
            pictures=pictures,
            sightings=sightings or (lambda run: HandFed(make_sighting(summary_of(run)))),
            explorer=explorer or explorers.of,
        )
        chosen = snapshot.run if snapshot else None
        return VaeTui(tmp_path / "checkpoints", Path("/data"), chosen, sources)

    return make


async def until(pilot: Pilot[None], condition: Callable[[], object], what: str = "it", seconds: float = 10) -> None:
    """Wait for something to become true, and fail when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s; shown is\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)


async def answered(pilot: Pilot[None]) -> None:
    """Let the screen that looks into a run hear of it, and show the answers to all that it asks."""
    quiet = 0
    while quiet < 2:  # an answer may lead to a question, and a refresh too
        screen = pilot.app.screen
        await pilot.pause()
        if isinstance(screen, ExploreScreen) and screen.selected_run is not None:
            await until(pilot, lambda screen=screen: screen.run_update, "an update")
            assert screen._tasks is not None
            quiet = 0 if screen._tasks.busy else quiet + 1
        else:
            quiet += 1


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, each after what the one before asked for is shown."""
    for key in keys:
        await pilot.press(key)
        await answered(pilot)


def screen_text(app: App[Any]) -> str:
    """What the terminal shows, without colours."""
    width, height = app.size
    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(app.screen._compositor.render_update(full=True, screen_stack=app._background_screens))
    return "\n".join(line.rstrip() for line in console.export_text(styles=False).splitlines())
