"""What several runs at once train together against one alone, and what one trains beside processes that never rest.

`python -m tests.benchmarks.others [--seconds 4] [--rounds 3] [--most 12] [--json]`

Trainers are processes as the app starts them, and whose turn it is not is stopped; what they do is read from their
metrics. Linux may share the cores between sessions, as those of terminals (autogroups), and go by niceness only within
one; so what never rests is once of another session, and once of the trainer's.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import psutil

from core.data.registry import EMBEDDED, SETS
from core.jobs import launch
from core.runs.config import make_config
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from tests.benchmarks.figures import Figure, run_alone
from tests.benchmarks.guard import Guard

COUNTS = (2, 4, 12)
LONGEST_SECONDS = 120.0
POLL_SECONDS, SETTLE_SECONDS = 0.02, 0.5
# A trainer has as many threads as there are cores, and so has what runs beside it.
FAIR_SHARE = 0.5
# So many processes that never rest, while the first of them lives.
BUSY = """
import os, sys
first = os.getpid()
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
while first in (os.getpid(), os.getppid()):
    for _ in range(1_000_000):
        pass
"""


class Trainer:
    """A process that trains a run of its own for as long as it is let."""

    def __init__(self, process: launch.TrainerProcess) -> None:
        self._process, self._run = process, process.run
        self._metrics = MetricsReader(process.run.metrics_path)
        self._first = 0

    def wait_for_line(self) -> None:
        """Return once the metrics have another line of steps."""
        count, deadline = len(self._metrics.steps), time.monotonic() + LONGEST_SECONDS
        while len(self._metrics.steps) == count:
            if self._process.ended or time.monotonic() > deadline:
                raise RuntimeError(f"{self._run.name} does not train: {self._run.last_log_line()}")
            time.sleep(POLL_SECONDS)
            self._metrics.poll()

    def rest(self) -> None:
        """Use no core."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Train."""
        self._metrics.poll()  # what it wrote before it rested
        os.kill(self._process.pid, signal.SIGCONT)

    def begin(self) -> None:
        """Measure from the next line."""
        self.wait_for_line()
        self._first = len(self._metrics.steps) - 1

    def images_per_second(self, seconds: float) -> float:
        """From there to the first line that is so many seconds later."""
        while self._since("time") < seconds:
            self.wait_for_line()
        images = SETS[EMBEDDED].training_images / self._run.status().steps_per_epoch
        return images * self._since("step") / self._since("time")

    def _since(self, column: str) -> float:
        values = self._metrics.steps[column]
        return float(values[-1] - values[self._first])


def measure(seconds: float, rounds: int, most: int) -> list[Figure]:
    """All figures; takes about seven times the seconds in a round, and two more for each trainer that starts."""
    counts = [count for count in COUNTS if count <= most]
    with Guard() as guard:
        trainers = [start(guard, f"run-{number}") for number in range(counts[-1])]
        in_session = start(guard, "in-session", new_session=False)
        for trainer in (*trainers, in_session):
            trainer.wait_for_line()
            trainer.rest()
        turns: dict[str, Callable[[], float]] = {
            "alone": lambda: pace(trainers[:1], seconds),
            **{f"{count} runs": partial(pace, trainers[:count], seconds) for count in counts},
            "other session": lambda: pace_beside(guard, trainers[0], seconds, new_session=True),
            "its session": lambda: pace_beside(guard, in_session, seconds, new_session=False),
        }
        rates: dict[str, list[float]] = {name: [] for name in turns}
        for round_ in range(rounds):
            for name in turns if round_ % 2 == 0 else reversed(turns):
                rates[name].append(turns[name]())
    figures = [figure(f"{count} runs together, against one alone", f"{count} runs", rates, 1, 0.95) for count in counts]
    beside = "beside a busy process a core, against a fair share"
    figures.append(figure(beside, "other session", rates, FAIR_SHARE, 0.8))
    beside = "beside busy ones of its own session, against a fair share"
    figures.append(figure(beside, "its session", rates, FAIR_SHARE, 0.8))
    return figures


def figure(name: str, turn: str, rates: dict[str, list[float]], share: float, budget: float) -> Figure:
    """What a turn's trainers make against that share of what one makes alone: the median of the rounds' ratios."""
    ratios = [ours / (share * alone) for ours, alone in zip(rates[turn], rates["alone"], strict=True)]
    detail = f"{statistics.median(rates[turn]):,.0f} images/s, one alone {statistics.median(rates['alone']):,.0f}"
    detail += f"; ratios {min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"
    return Figure(name, statistics.median(ratios), "times", "at least", budget, detail)


def pace(trainers: Sequence[Trainer], seconds: float) -> float:
    """Images a second that they train together, once all of them are at it."""
    for trainer in trainers:
        trainer.go_on()
    time.sleep(SETTLE_SECONDS)
    for trainer in trainers:
        trainer.begin()
    together = sum(trainer.images_per_second(seconds) for trainer in trainers)
    for trainer in trainers:
        trainer.rest()
    return together


def pace_beside(guard: Guard, trainer: Trainer, seconds: float, new_session: bool) -> float:
    """The same of one, while a process on each core never rests."""
    command = [sys.executable, "-c", BUSY, str(psutil.cpu_count() or 1)]
    with subprocess.Popen(command, start_new_session=new_session) as busy:
        guard.watch(busy.pid)
        try:
            return pace([trainer], seconds)
        finally:
            busy.kill()


def start(guard: Guard, name: str, new_session: bool = True) -> Trainer:
    """A trainer of a new run of the recommended model on the CPU; in a session of its own as the app starts it."""
    config = make_config(preset="vae", dataset=EMBEDDED, device="cpu", epochs=100_000)
    run = Run.create(guard.folder, name, config)
    if new_session:
        trainer = launch.start(run)
    else:
        command, environment = launch.command(run, config), launch.environment(config)
        with run.log_path.open("wb") as log:
            process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, env=environment)
        trainer = launch.TrainerProcess(process, {run: run.status().heartbeat})
    guard.watch(trainer.pid)
    return Trainer(trainer)


def main() -> None:
    """The command line."""
    run_alone(__doc__, measure, seconds=4.0, rounds=3, most=COUNTS[-1])


if __name__ == "__main__":
    main()
