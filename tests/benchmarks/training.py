"""Images a second of our training and of the post's plain loop, taken in turns by two processes.

`python -m tests.benchmarks.training [--preset ae] [--device cpu] [--seconds 5] [--rounds 5] [--json]`
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from core import launch
from core.config import RunConfig
from tests.benchmarks.machine import machine

CONTESTANTS = ("plain", "ours")
BATCH_SIZE = 128
WARM_UP_STEPS = 20


class Contestant:
    """A process that trains whenever it is told to, as its own loop, data and allocator would have it."""

    def __init__(self, name: str, preset: str, device: str) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.training", "--contestant", name]
        self._process = subprocess.Popen(
            [*command, "--preset", preset, "--device", device],
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


def measure(preset: str, device: str, seconds: float, rounds: int) -> dict[str, object]:
    """Medians over the rounds, and the median of the rounds' ratios."""
    contestants = {name: Contestant(name, preset, device) for name in CONTESTANTS}
    rates: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            rates[name].append(contestant.images_per_second(seconds))
    for contestant in contestants.values():
        contestant.close()
    ratios = [ours / plain for plain, ours in zip(rates["plain"], rates["ours"], strict=True)]
    return {
        "preset": preset,
        "device": device,
        "method": contestants["ours"].method,
        "plain_images_per_second": round(statistics.median(rates["plain"])),
        "our_images_per_second": round(statistics.median(rates["ours"])),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
    }


def compete(name: str, preset: str, device: str) -> None:
    """The contestant's side: a line when ready, then for each line with seconds one with images a second."""
    import torch

    from core import data, devices

    images = data.load("mnist-5k")
    where = devices.resolve(device)
    with contextlib.ExitStack() as stack:
        if name == "plain":
            from tests.benchmarks import rival

            steps: Iterator[object] = rival.train(preset, data.pixels(images.train_images.to(where)), seed=0)
            method = "the post's loop"
        else:
            from core.config import make_config
            from core.run import Run
            from core.training import Trainer

            folder = stack.enter_context(tempfile.TemporaryDirectory())
            run = Run.create(folder, "run", make_config(preset=preset, epochs=100_000, validate_every=100_000))
            trainer = Trainer(run, images, where, stack.enter_context(run.open_metrics()))
            steps, method = trainer.steps(), trainer.method
        for _ in range(WARM_UP_STEPS):
            next(steps)
        print(method, flush=True)
        for line in sys.stdin:
            _wait_for(where, torch)
            start, count = time.perf_counter(), 0
            while (passed := time.perf_counter() - start) < float(line):
                for _ in range(5):
                    next(steps)
                    count += 1
                _wait_for(where, torch)
            print(count * BATCH_SIZE / passed, flush=True)


def _wait_for(device: object, torch: object) -> None:
    if getattr(device, "type", "") == "cuda":
        torch.cuda.synchronize()  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.training", description=__doc__)
    parser.add_argument("--preset", default="ae")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        compete(given.contestant, given.preset, given.device)
        return
    found = measure(given.preset, given.device, given.seconds, given.rounds) | {"machine": machine()}
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        print(f"{key:28} {value}")


if __name__ == "__main__":
    main()
