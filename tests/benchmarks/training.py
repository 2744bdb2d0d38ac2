"""Images a second of our training and of the post's plain loop, taken in turns by two processes.

The plain loop runs with the settings that are its best on this machine, which is tried out first. `--against` names who
competes with our training: `plain`, or `layers`, our trainer without a compiled step, or both. The post has no loop for
the preset `prior`: there it is `layers`.
`python -m tests.benchmarks.training [--preset vae] [--likelihood gaussian] [--against plain,layers] [--device cpu]
[--seconds 5] [--rounds 5] [--json]`
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import torch

from core import program
from core.jobs import launch
from core.kernels.compiler import Unavailable, has_bfloat16
from core.models.likelihood import Likelihood
from core.runs.config import RunConfig, make_config
from core.runs.first_stage import first_stage_settings
from core.runs.run import Run
from tests.benchmarks.figures import Figure, run_alone

PRESETS = ("vae", "ae", "vae-post")
# At least so many times the plain loop: on a GPU, where the processor multiplies bfloat16, with AVX-512, elsewhere.
GPU_BUDGET, BFLOAT16_BUDGET, AVX512_BUDGET, CPU_BUDGET = 10.0, 6.0, 4.0, 2.8
LAYERS_BUDGET = 2.0
PLAIN, LAYERS = "plain", "layers"
RIVALS = {PLAIN: "the post's plain loop", LAYERS: "its layers one by one"}
FIRST_STAGE = Path(__file__).parents[2] / "checkpoints" / "vae-mnist"
BATCH_SIZE = 128
WARM_UP_STEPS = 10
TRIALS, TRIAL_SECONDS = 2, 1.0


class Contest(NamedTuple):
    """What is trained, and where."""

    preset: str
    device: str
    likelihood: str

    def __str__(self) -> str:
        binarised = " on binarised images" if self.likelihood == Likelihood.BERNOULLI else ""
        return f"training {self.preset}{binarised} on {self.device}"


class Contestant:
    """A process that trains whenever it is told to, as its own loop, data and allocator would have it."""

    def __init__(self, name: str, contest: Contest, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [*program.words("tests.benchmarks.training"), "--contestant", name, *contest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
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


def measure(
    preset: str, device: str, seconds: float, rounds: int, likelihood: str = "gaussian", against: str = PLAIN
) -> list[Figure]:
    """For each rival the median of the rounds' ratios. Raises ValueError for one that there is not."""
    contest = Contest(preset, device, likelihood)
    rivals: dict[str, tuple[Contestant, str]] = {}
    for name in [LAYERS] if preset == "prior" else against.split(","):
        if name not in RIVALS:
            raise ValueError(f"there is no {name} to train against, but {' and '.join(RIVALS)}")
        rivals[name] = best_rival(contest) if name == PLAIN else (_trainer(name, contest), "")
    ours = _trainer("ours", contest)
    everybody = [ours, *(rival for rival, _ in rivals.values())]
    rates = [[contestant.images_per_second(seconds) for contestant in everybody] for _ in range(rounds)]
    for contestant in everybody:
        contestant.close()
    figures = []
    for at, (name, (rival, settings)) in enumerate(rivals.items(), start=1):
        ratios = [each[0] / each[at] for each in rates]
        mine, others = (statistics.median(each[which] for each in rates) for which in (0, at))
        how = f" with {settings}" * bool(settings)
        detail = f"{ours.method}: {mine:,.0f} images/s, {rival.method}{how} {others:,.0f}"
        detail += f"; ratios {min(ratios):.2f} to {max(ratios):.2f} in {rounds} rounds"
        bound = budget(name, device)
        figures.append(
            Figure(f"{contest} against {RIVALS[name]}", statistics.median(ratios), "times", "at least", bound, detail)
        )
    return figures


def _trainer(name: str, contest: Contest) -> Contestant:
    return Contestant(name, contest, launch.environment(RunConfig()))


def best_rival(contest: Contest) -> tuple[Contestant, str]:
    """The plain loop with the settings that make it fastest here, and those in words."""
    tried = {
        words: Contestant(PLAIN, contest, os.environ | variables)
        for words, variables in settings(torch.get_num_threads()).items()
    }
    rates = {
        words: statistics.median(contestant.images_per_second(TRIAL_SECONDS) for _ in range(TRIALS))
        for words, contestant in tried.items()
    }
    best = max(rates, key=rates.__getitem__)
    for words, contestant in tried.items():
        if words != best:
            contestant.close()
    return tried[best], best


def settings(threads: int) -> dict[str, dict[str, str]]:
    """What may be set around the plain loop without changing it, in words: at most so many threads, and memory."""
    found = {}
    for count in sorted({threads, 1}):
        words = f"{count} thread{'s' * (count != 1)}"
        found[words] = {"OMP_NUM_THREADS": str(count)}
        found[f"{words} and memory kept as ours is"] = found[words] | launch.FOR_TRAINING
    return found


def budget(rival: str, device: str) -> float:
    """At least so many times that rival."""
    if rival == LAYERS:
        return LAYERS_BUDGET
    if device.startswith("cuda"):
        return GPU_BUDGET
    if has_bfloat16():
        return BFLOAT16_BUDGET
    return AVX512_BUDGET if torch.cpu._is_avx512_supported() else CPU_BUDGET


def compete(name: str, contest: Contest) -> None:
    """The contestant's side: a line when ready, then for each line with seconds one with images a second."""
    from core.data.images import load_image_set, pixels
    from core.training.devices.choice import resolve

    images = load_image_set("mnist-5k")
    where = resolve(contest.device)
    with contextlib.ExitStack() as stack:
        if name == PLAIN:
            from tests.benchmarks import rival

            x, likelihood = pixels(images.train_images.to(where)), Likelihood(contest.likelihood)
            steps: Iterator[object] = rival.train(contest.preset, x, seed=0, likelihood=likelihood)
            method = "the plain loop"
        else:
            from core.training.trainer import Trainer

            run = make_run(stack.enter_context(tempfile.TemporaryDirectory()), contest)
            with layers_only() if name == LAYERS else contextlib.nullcontext():
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


def make_run(folder: str, contest: Contest) -> Run:
    """A run without an end."""
    settings: dict[str, object] = {"preset": contest.preset, "epochs": 100_000, "validate_every": 100_000}
    if contest.preset != "prior":
        return Run.create(folder, "run", make_config(**settings, likelihood=contest.likelihood))
    first = Run(FIRST_STAGE)
    return Run.create(folder, "run", make_config(**first_stage_settings(first) | settings), first.read_weights())


@contextlib.contextmanager
def layers_only() -> Iterator[None]:
    """Trainers that are made meanwhile have no compiled step."""
    refusal = Unavailable("left out for comparison")
    with (
        mock.patch("core.training.latent_objective.DenoiserStep", side_effect=refusal),
        mock.patch("core.training.objectives.NativeStep", side_effect=refusal),
    ):
        yield


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Be a contestant, or let two compete."""
    if "--contestant" in sys.argv:
        compete(sys.argv[2], Contest(*sys.argv[3:]))
    else:
        run_alone(
            __doc__, measure, preset="vae", device="cpu", seconds=3.0, rounds=7, likelihood="gaussian", against=PLAIN
        )


if __name__ == "__main__":
    main()
