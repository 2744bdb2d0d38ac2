"""Images a second of our training and of the post's plain loop, taken in turns by two processes.

`python -m tests.benchmarks.training [--preset ae] [--device cpu] [--seconds 5] [--rounds 5] [--json]`
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import torch

from core.jobs import launch
from core.kernels.fused import has_bfloat16
from core.runs.config import RunConfig
from tests.benchmarks.figures import Figure, run_alone

CONTESTANTS = ("plain", "ours")
GPU_BUDGET, BFLOAT16_BUDGET, CPU_BUDGET = 10.0, 6.0, 2.8  # times; bfloat16 where the processor multiplies it
BATCH_SIZE = 128
WARM_UP_STEPS = 20


class Contestant:
    """A process that trains whenever it is told to, as its own loop, data and allocator would have it."""

    def __init__(self, name: str, preset: str, device: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.training", "--contestant", name, preset, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=launch.environment(RunConfig()) if name == "ours" else None,
        )
        self.method = self._line()

    def images_per_second(self, seconds: float) -> float:
        """Train for about so long, while everybody else rests."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"a contestant ended with status {self._process.wait()}")
        return line


def measure(preset: str, device: str, seconds: float, rounds: int) -> list[Figure]:
    """The median of the rounds' ratios."""
    contestants = {name: Contestant(name, preset, device) for name in CONTESTANTS}
    rates: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            rates[name].append(contestant.images_per_second(seconds))
    for contestant in contestants.values():
        contestant.close()
    ratios = [ours / plain for plain, ours in zip(rates["plain"], rates["ours"], strict=True)]
    plain, ours = (statistics.median(rates[name]) for name in CONTESTANTS)
    detail = f"{contestants['ours'].method}: {ours:,.0f} images/s, the plain loop {plain:,.0f}"
    detail += f"; ratios {min(ratios):.2f} to {max(ratios):.2f} in {rounds} rounds"
    name = f"training {preset} on {device} against the post's plain loop"
    return [Figure(name, statistics.median(ratios), "times", "at least", budget(device), detail)]


def budget(device: str) -> float:
    """At least so many times the plain loop."""
    if device.startswith("cuda"):
        return GPU_BUDGET
    return BFLOAT16_BUDGET if has_bfloat16() else CPU_BUDGET


def compete(name: str, preset: str, device: str) -> None:
    """The contestant's side: a line when ready, then for each line with seconds one with images a second."""
    from core.data.images import load_image_set, pixels
    from core.training import devices

    images = load_image_set("mnist-5k")
    where = devices.resolve(device)
    with contextlib.ExitStack() as stack:
        if name == "plain":
            from tests.benchmarks import rival

            steps: Iterator[object] = rival.train(preset, pixels(images.train_images.to(where)), seed=0)
            method = "the post's loop"
        else:
            from core.runs.config import make_config
            from core.runs.run import Run
            from core.training.trainer import Trainer

            folder = stack.enter_context(tempfile.TemporaryDirectory())
            run = Run.create(folder, "run", make_config(preset=preset, epochs=100_000, validate_every=100_000))
            trainer = Trainer(run, images, where, stack.enter_context(run.open_metrics()))
            steps, method = trainer.steps(), trainer.method
        for _ in range(WARM_UP_STEPS):
            next(steps)
        print(method, flush=True)
        for line in sys.stdin:
            _wait_for(where)
            start, count = time.perf_counter(), 0
            while (passed := time.perf_counter() - start) < float(line):
                for _ in range(5):
                    next(steps)
                    count += 1
                _wait_for(where)
            print(count * BATCH_SIZE / passed, flush=True)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Be a contestant, or let two compete."""
    if "--contestant" in sys.argv:
        compete(*sys.argv[2:])
    else:
        run_alone(__doc__, measure, preset="ae", device="cpu", seconds=3.0, rounds=7)


if __name__ == "__main__":
    main()
