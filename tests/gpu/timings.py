"""How long training on this device takes: steps, whole epochs, and what lies between them."""

from __future__ import annotations

import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import torch

from core.data.images import load_image_set, pixels
from core.kernels.gpu.tiles import Tiles
from core.runs.config import make_config
from core.runs.run import Run
from core.training.trainer import Trainer
from tests.benchmarks import rival
from tests.gpu.checks import BATCH, train
from tests.gpu.runs import make_step

GOAL, LAST = 400, 20  # epochs


@dataclass(frozen=True)
class Figure:
    """What was measured, in which unit."""

    name: str
    value: float
    unit: str


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    if device != "cpu":
        torch.cuda.synchronize()


def microseconds(step: Callable[[], object], device: str, steps: int, rounds: int = 5) -> float:
    """Of one step, by the host's clock around many; the median of the rounds."""
    found = []
    for _ in range(rounds):
        wait(device)
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        wait(device)
        found.append((time.perf_counter() - begin) / steps * 1e6)
    return statistics.median(found)


def waits_in(work: Callable[[], object]) -> int:
    """How often some work waits for the GPU, as PyTorch tells."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in caught)


def plain_loop(device: str, steps: int) -> Figure:
    """The post's loop as anyone would type it."""
    images = pixels(load_image_set("mnist-5k").train_images.to(device))
    training = rival.train("vae", images, seed=0)
    for _ in range(10):
        next(training)
    return Figure("plain loop, vae", microseconds(lambda: next(training), device, steps, rounds=3), "us a step")


def trainer_step(folder: Path, device: str, steps: int) -> Figure:
    """The trainer's own loop between reports, on the embedded digits."""
    config = make_config(preset="vae", epochs=100_000, validate_every=100_000, device=device)
    run = Run.create(folder, "steps", config)
    with run.open_metrics() as metrics:
        trainer = Trainer(run, load_image_set("mnist-5k"), device, metrics)
        training = trainer.steps()
        for _ in range(40):
            next(training)
        value = microseconds(lambda: next(training), device, steps)
        return Figure(f"trainer's loop, vae, {trainer.method}", value, "us a step")


def kernel_steps(
    device: str, steps: int, preset: str, runs: int, precision: str, tiles: Tiles | None, batch: int = BATCH
) -> Figure:
    """The recorded step alone, replayed."""
    step = make_step(preset, runs, batch, precision, device, tiles=tiles, roughened=0.0)
    order = [torch.randperm(len(step.images))[:batch] for _ in range(runs)]
    chosen = torch.stack(order).to(device)
    for _ in range(3):
        step(chosen)
    value = microseconds(lambda: step(chosen), device, steps)
    return Figure(f"Triton step, {preset} {precision}, {runs} run(s)", value, "us a step of all")


def whole_run(
    folder: Path, device: str, dataset: str, epochs: int, *options: str, cache: Path | None = None
) -> Iterator[Figure]:
    """A run through the real process: until the first line of metrics, and the time of an epoch.

    An empty `cache` has it compile its kernels, and tells when they took over.
    """
    config = make_config(preset="vae", dataset=dataset, epochs=epochs, device=device)
    run = Run.create(folder, f"whole-{time.monotonic_ns()}", config)
    begin = time.time()
    first = train(run, *options, seconds=200, cache=cache)
    took = time.time() - begin
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    ends = [line for line in lines if line["kind"] == "epoch"]
    spent = [later["time"] - earlier["time"] for earlier, later in pairwise(ends)]
    kind = run.status().device_name.split(", ", 1)[-1]
    yield Figure(f"first line of metrics, {kind}", first, "s")
    for line in run.log_path.read_text().splitlines():
        print("        ", line)
        if cache is not None and " with " in line and "Triton" in line:
            yield Figure("kernels took over after", datetime.fromisoformat(line.split()[0]).timestamp() - begin, "s")
    if len(spent) >= LAST:
        yield Figure(f"{GOAL} epochs of {dataset}, from the last {LAST}", sum(spent[-LAST:]) / LAST * GOAL, "s")
    yield Figure(f"an epoch of {dataset}, {kind}, median of {len(spent)}", statistics.median(spent), "s")
    yield Figure(f"{epochs} epochs of {dataset}, {kind}, by the run's own clock", ends[-1]["time"], "s")
    yield Figure(f"{epochs} epochs of {dataset}, {kind}, process and all", took, "s")
    yield Figure(f"validation loss after {epochs} epochs, {kind}", ends[-1]["val_loss"] or float("nan"), "")


def save_and_validate(folder: Path, device: str, dataset: str) -> Iterator[Figure]:
    """What interrupts training."""
    config = make_config(preset="vae", dataset=dataset, epochs=10, device=device)
    run = Run.create(folder, "interruptions", config)
    with run.open_metrics() as metrics:
        trainer = Trainer(run, load_image_set(dataset), device, metrics)
        training = trainer.steps()
        for _ in range(20):
            next(training)
        trainer.save()
        yield Figure("a save that is waited for", microseconds(trainer.save, device, 3) / 1e3, "ms")
        for _ in range(3):
            next(training)
            wait(device)
            begin = time.perf_counter()
            saving = trainer.begin_save(measured=False)
            taken = time.perf_counter() - begin
            saving.wait()
            yield Figure("a save that is written meanwhile, until training goes on", taken * 1e3, "ms")
            yield Figure("the same, until it is on the disk", (time.perf_counter() - begin) * 1e3, "ms")
        if device != "cpu":
            count = waits_in(lambda: trainer.begin_save(measured=False).wait())
            yield Figure("times that a save waits for the GPU", count, "")

        def validate() -> None:
            for _ in trainer.validation.losses(trainer._stepper.validate, trainer.step):
                pass

        validate()
        yield Figure(f"a validation of {dataset}", microseconds(validate, device, 2) / 1e3, "ms")
