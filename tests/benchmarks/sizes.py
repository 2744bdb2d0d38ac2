"""Cost against size: `python -m tests.benchmarks.sizes FIGURES.json [--only PART] [--draw PICTURE.png]`.

Measures each part at its sizes and prints a table; FIGURES.json keeps all parts that were measured, also before, and
--draw makes the charts of those. `--only none` measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.data.images import ImageSet, load_image_set, pixels
from core.kernels import fused
from core.models.autoencoder import Autoencoder, loss
from core.runs.config import make_config
from core.runs.run import Run
from core.training.trainer import Trainer
from tests.benchmarks import curves, latents, others, rival, viewer
from tests.benchmarks.charts import Series, draw
from tests.benchmarks.curves import milliseconds
from tests.benchmarks.figures import Figure
from tests.benchmarks.guard import Guard
from tests.benchmarks.machine import machine
from tui.background.readers import RunsReader

IMAGES = (1_000, 4_000, 16_000, 60_000)
SHAPES = (((1, 8, 16, 32), 4), ((1, 8, 16, 32), 16), ((1, 16, 32, 64), 4), ((1, 32, 64, 64), 4))
LINES = (1_000, 10_000, 100_000, 1_000_000)
LATENTS = (1_000, 3_000, 10_000, 30_000, 100_000)
FOLDERS = (1, 10, 100, 1_000)
VIEWERS = (0, 1, 2, 4)
RUNS = (1, 2, 4, 8, 12)
BATCH_SIZE = 128
SECONDS, ROUNDS, WARM_UP_STEPS = 2.0, 3, 5


def images() -> Series:
    """Seconds of an epoch against the images it has."""
    digits = load_image_set("mnist-5k")
    found: Series = {"our step": [], "the plain loop": []}
    for count in IMAGES:
        steps = -(-count // BATCH_SIZE)
        several = repeated(digits, count)
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            run = Run.create(folder, "a-run", make_config(preset="vae", epochs=100_000, validate_every=100_000))
            trainer = Trainer(run, several, "cpu", stack.enter_context(run.open_metrics()))
            found["our step"].append((count, steps * seconds(trainer.steps())))
        plain = rival.train("vae", pixels(several.train_images), seed=0)
        found["the plain loop"].append((count, steps * seconds(plain)))
    return found


def repeated(digits: ImageSet, count: int) -> ImageSet:
    """So many training images: the same ones again and again."""
    again = torch.arange(count) % len(digits.train_images)
    return replace(digits, train_images=digits.train_images[again], train_labels=digits.train_labels[again])


def parameters() -> Series:
    """Milliseconds of a step against the parameters of an autoencoder: wider layers, and one with a larger latent."""
    digits = load_image_set("mnist-5k").train_images
    found: Series = {"our layers": [], "PyTorch's own": []}
    for shape in SHAPES:
        torch.manual_seed(0)
        model = Autoencoder(*shape)
        count = sum(parameter.numel() for parameter in model.parameters())
        ours, _ = fused.accelerate(model, torch.device("cpu"))
        for name, forward in zip(found, (ours, model), strict=True):
            found[name].append((count, 1000 * seconds(steps_of(forward, model, digits))))
    return found


def steps_of(forward: nn.Module, model: Autoencoder, digits: Tensor) -> Iterator[None]:
    """Steps of Adam without end."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    while True:
        for chosen in torch.randperm(len(digits)).split(BATCH_SIZE):
            x = pixels(digits[chosen])
            optimizer.zero_grad()
            loss(x, *forward(x)).total().mean().backward()
            optimizer.step()
            yield


def seconds(steps: Iterator[object]) -> float:
    """What a step takes, after a few that set up memory."""
    for _ in islice(steps, WARM_UP_STEPS):
        pass
    start, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < SECONDS:
        next(steps)
        count += 1
    return passed / count


def steps() -> Series:
    """Milliseconds of what a viewer does with a run against the step lines it has."""
    names = ("opening", "polling 10 new lines", "opening again", "drawing the loss", "another smoothing")
    return by_size(LINES, curves.measure, names)


def latents_in_the_plane() -> Series:
    """Milliseconds of a projection against the latents that it shows."""
    return by_size(LATENTS, latents.measure, ("discriminants, projecting and drawing", "projecting and drawing"))


def by_size(sizes: Sequence[int], measure: Callable[[int], Sequence[Figure]], names: Sequence[str]) -> Series:
    """The figures of a benchmark in milliseconds at every size, in its order under these names."""
    found: Series = {name: [] for name in names}
    for size in sizes:
        for name, figure in zip(names, measure(size), strict=True):
            found[name].append((size, 1000 * figure.value if figure.unit == "s" else figure.value))
    return found


def runs_in_a_folder() -> Series:
    """Milliseconds of the list against the finished runs that it lists."""
    found: Series = {"listing": [], "polling, nothing new": []}
    for count in FOLDERS:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(count):
                shutil.copytree(viewer.SHIPPED / "vae-mnist", Path(folder) / f"run-{number}")
            os.sync()  # what was written just now goes to the disk for many seconds, beside what is measured
            readers = [RunsReader(Path(folder)) for _ in range(ROUNDS)]
            found["listing"].append((count, statistics.median(milliseconds(reader.poll) for reader in readers)))
            reader = readers[0]
            again = statistics.median(milliseconds(reader.poll) for _ in range(ROUNDS))
            found["polling, nothing new"].append((count, again))
    return found


def viewers_of_a_run() -> Series:
    """Steps a second of a trainer against the viewers on its training screen."""
    found: list[tuple[float, float]] = []
    with viewer.training() as run:
        for count in VIEWERS:
            with ExitStack() as stack:
                apps = [stack.enter_context(viewer.attached_to(run)) for _ in range(count)]
                found.append((count, viewer.pace(run, 2 * SECONDS, partial(let_pass, apps))))
    return {"steps a second": found}


def let_pass(apps: Sequence[viewer.Watch], wait: float) -> None:
    """Take what the apps write for so long."""
    end = time.perf_counter() + wait
    while (left := end - time.perf_counter()) > 0:
        for app in apps:
            app.let_pass(0.01)
        if not apps:
            time.sleep(left)


def runs_beside_each_other() -> Series:
    """Images a second of all together against the runs that train at once."""
    with Guard() as guard:
        trainers = [others.start(guard, f"run-{number}") for number in range(RUNS[-1])]
        for trainer in trainers:
            trainer.wait_for_line()
            trainer.rest()
        return {"all together": [(count, others.pace(trainers[:count], SECONDS)) for count in RUNS]}


# Each part with the titles of its axes.
PARTS: dict[str, tuple[Callable[[], Series], str, str]] = {
    "images": (images, "images of an epoch", "seconds an epoch"),
    "parameters": (parameters, "parameters of an autoencoder", "milliseconds a step"),
    "steps": (steps, "step lines of a run", "milliseconds"),
    "latents": (latents_in_the_plane, "latents in the plane", "milliseconds"),
    "folder": (runs_in_a_folder, "runs in a folder", "milliseconds"),
    "viewers": (viewers_of_a_run, "viewers of a run", "steps a second"),
    "beside": (runs_beside_each_other, "runs at once", "images a second"),
}


def main() -> None:
    """Measure, keep, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--only", choices=[*PARTS, "none"], action="append", help="this part; may be given again")
    parser.add_argument("--draw", type=Path, metavar="PICTURE.png")
    given = parser.parse_args()
    kept = json.loads(given.figures.read_text()) if given.figures.exists() else {}
    for name, (measure, across, up) in PARTS.items():
        if name in (given.only or PARTS):
            kept[name] = {"machine": machine(), "across": across, "up": up, "series": measure()}
            print_table(kept[name])
            given.figures.write_text(json.dumps(kept, indent=1))
    if given.draw:
        draw([kept[name] for name in PARTS if name in kept], given.draw)


def print_table(part: dict[str, Any]) -> None:
    """The figures of a part, a line for each size."""
    print(f"{part['up']} by {part['across']}: {', '.join(part['series'])}")
    for points in zip(*part["series"].values(), strict=True):
        print(f"{points[0][0]:>12,}" + "".join(f"{value:>12,.4g}" for _, value in points))


if __name__ == "__main__":
    main()
