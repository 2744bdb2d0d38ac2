"""Several runs in one process on a GPU: each as it would be alone, and what it costs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import torch

from core.jobs import launch
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from core.training.checkpoint import load_state
from tests.gpu.checks import BATCH, Result
from tests.gpu.runs import prepare, wanted_of
from tests.gpu.timings import Figure

RUNS = 8


def make_runs(folder: Path, name: str, dataset: str, epochs: int, device: str, count: int = RUNS) -> list[Run]:
    """Runs that differ in all that members of a sweep may differ in."""
    found = []
    for number in range(count):
        config = make_config(
            preset="vae", dataset=dataset, epochs=epochs, validate_every=10, batch_size=BATCH, device=device,
            precision="float32", seed=number, learning_rate=1e-3 * (1 + number / 8), beta=0.2 + number / 10,
            schedule="cosine" if number % 2 else "constant",
        )  # fmt: skip
        found.append(Run.create(folder, f"{name}-{number}", config))
    return found


def start(runs: Sequence[Run], begin: Callable[..., launch.TrainerProcess] = launch.start) -> launch.TrainerProcess:
    """Train runs in one process, as a sweep does it."""
    places = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    with mock.patch.dict(os.environ, {"PYTHONPATH": places}):
        return begin(runs[0], others=runs[1:]) if len(runs) > 1 else begin(runs[0])


def wait(condition: Callable[[], object], runs: Sequence[Run], seconds: float = 90.0) -> None:
    """Until the condition is true. Raises TimeoutError with what the runs said last."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(" | ".join(f"{run.name} {run.state()} {run.last_log_line()}" for run in runs))
        time.sleep(0.02)


def shared_is_alone(folder: Path, device: str, dataset: str = "mnist-5k", epochs: int = 100) -> Iterator[Result]:
    """Eight runs in one process, of which one pauses and comes back and one stops and goes on by itself."""
    prepare(wanted_of(dataset, BATCH), device)
    runs = make_runs(folder, "shared", dataset, epochs, device)
    undisturbed, paused, stopped = runs[:3]
    together = start(runs)
    wait(lambda: undisturbed.status().step > 0, runs)
    launch.send_request(paused, "pause")
    launch.send_request(stopped, "stop")
    wait(lambda: paused.state() is State.PAUSED and stopped.state() is State.STOPPED, runs)
    seen = undisturbed.status().step
    wait(lambda: undisturbed.status().step > seen, runs)
    left_at = [run.status().step for run in (paused, stopped, undisturbed)]
    launch.send_request(paused, "resume")
    wait(lambda: together.ended, runs)
    trainers = [start([stopped], launch.resume)]

    alone = make_runs(folder, "alone", dataset, epochs, device, count=3)
    trainers += [start([run]) for run in alone]
    wait(lambda: all(trainer.ended for trainer in trainers), [stopped, *alone])
    whole = epochs * (undisturbed.status().steps_per_epoch or 0)
    in_the_middle = left_at[0] < left_at[2] < whole
    methods = {run.status().device_name for run in runs}
    found = f"paused, stopped, seen at steps {left_at} of {whole}; {methods}"
    all_done = all(run.state() is State.FINISHED for run in [*runs, *alone])
    yield Result(f"{RUNS} runs of one process finish, as one pauses and one stops", all_done and in_the_middle, found)
    for kind, run, other in zip(("goes on", "pauses", "stops and is resumed"), runs, alone, strict=False):
        same = same_bits(run, other)
        yield Result(f"a run that {kind} among {RUNS} and alone is the same bits", same, run.last_log_line("with"))


def same_bits(one: Run, other: Run) -> bool:
    """Whether weights, moments and random numbers are the same."""
    states = [load_state(run) for run in (one, other)]
    left, right = states
    if left is None or right is None:
        return False
    moments = zip(left.optimizer["state"].values(), right.optimizer["state"].values(), strict=True)
    return (
        all(torch.equal(tensor, right.model[name]) for name, tensor in left.model.items())
        and all(torch.equal(first[key], second[key]) for first, second in moments for key in first)
        and torch.equal(left.generator, right.generator)
    )


def seconds_together(folder: Path, device: str, dataset: str, epochs: int = 10) -> Iterator[Figure]:
    """Eight runs in one process against one alone, by their own clocks and with all that a process does."""
    prepare(wanted_of(dataset, BATCH), device)
    own: dict[int, float] = {}
    for count in (1, RUNS):
        runs = make_runs(folder, f"{count}-timed", dataset, epochs, device, count)
        begin = time.monotonic()
        trainer = start(runs)
        wait(lambda: trainer.ended, runs, seconds=200)  # noqa: B023
        took = time.monotonic() - begin
        last = [json.loads(run.metrics_path.read_text().splitlines()[-1]) for run in runs]
        own[count] = max(line["time"] for line in last)
        kind = runs[0].status().device_name.split(", ", 1)[-1]
        yield Figure(f"{epochs} epochs of {dataset}, {count} run(s), {kind}, by their own clock", own[count], "s")
        yield Figure(f"{epochs} epochs of {dataset}, {count} run(s), process and all", took, "s")
    yield Figure(f"{RUNS} runs in one process against 1, by their own clock", own[RUNS] / own[1], "times")
