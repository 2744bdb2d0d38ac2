"""What the app costs and how fast it answers, in a real pseudo-terminal of 120x40.

`python -m tests.benchmarks.viewer [--seconds 20] [--rounds 5] [--json]`
"""

from __future__ import annotations

import os
import random
import re
import select
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import psutil

from core.jobs import launch
from core.runs.config import make_config
from core.runs.run import Run
from tests.benchmarks.figures import Figure, run_alone
from tests.support.terminal import ENVIRONMENT, KNOWN, UNKNOWN, Terminal
from tui.series import WEIGHTS

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))
SHIPPED = Path(__file__).parents[2] / "checkpoints"
SETTLE_SECONDS = 2.0
QUIET_SECONDS = 0.01
LONGEST_SECONDS = 120.0
POLL_SECONDS = 0.5
PAUSE_SECONDS = (0.05, 0.6)
PRESSES_PER_SECOND = 10  # of the seconds asked for: 200 by default, since fewer have no 99th percentile

View = Callable[[str], bool]


class Watch(Terminal):
    """The app in a terminal that notes when something arrives, and draws it later where drawing would be in the way."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._undrawn: list[bytes] = []
        super().__init__([VAE_TUI, *arguments, "--data-dir", str(folder / "data")], folder, ENVIRONMENT)

    def let_pass(self, seconds: float) -> int:
        """The number of bytes that come within so long."""
        found = [content for _, content in self._arrivals(seconds)]
        self._undrawn += found
        return sum(map(len, found))

    def when(self, *views: View) -> list[float]:
        """The clock when that arrived which gives each view, one after the other; fails with what is shown instead."""
        deadline = time.perf_counter() + LONGEST_SECONDS
        moments: list[float] = []
        self._catch_up()
        while len(moments) < len(views):
            for arrived, content in self._arrivals(1.0, QUIET_SECONDS):
                self._draw(content)
                while len(moments) < len(views) and views[len(moments)](self._shown()):
                    moments.append(arrived)
            assert time.perf_counter() < deadline, f"not what was waited for:\n{self._shown()}"
        return moments

    def answer(self, key: str, view: View) -> float:
        """Milliseconds from pressing a key to the bytes that give the view."""
        self._catch_up()
        start = time.perf_counter()
        self.press(key)
        return 1000 * (self.when(view)[0] - start)

    def _arrivals(self, seconds: float, quiet: float = LONGEST_SECONDS) -> list[tuple[float, bytes]]:
        """What comes within so long, each part with its time, or until nothing followed it for `quiet` seconds."""
        found: list[tuple[float, bytes]] = []
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if not select.select([self._master], [], [], min(left, quiet) if found else left)[0]:
                break
            content = os.read(self._master, 1 << 16)
            found.append((time.perf_counter(), content))
        return found

    def _catch_up(self) -> None:
        for content in self._undrawn:
            self._draw(content)
        self._undrawn.clear()

    def _draw(self, content: bytes) -> None:
        self._stream.feed(UNKNOWN.sub(lambda match: match[0] if KNOWN.match(match[0]) else b"", content))

    def _shown(self) -> str:
        return "\n".join(self._screen.display)


def measure(seconds: float, rounds: int) -> list[Figure]:
    """All figures of the app; takes about 20 times `seconds` with 5 rounds."""
    return [*first_paint(rounds), *idle(seconds), *flowing(), *while_training(seconds), *attached(rounds, seconds)]


# Without a trainer


def first_paint(rounds: int) -> list[Figure]:
    """From the start of the process to the first frame of the runs, and to the one that lists them."""
    painted, listed = [], []
    with runs() as folder:
        for _ in range(rounds + 1):
            start = time.perf_counter()
            with Watch(folder) as app:
                first, then = app.when(shows_runs, lists_runs)
            painted.append(first - start)
            listed.append(then - start)
    del painted[0], listed[0]  # which brought the files from the disk
    detail = f"{min(painted):.2f} to {max(painted):.2f} s in {rounds} rounds"
    detail += f"; the runs are listed after {statistics.median(listed):.2f} s"
    return [Figure("first paint of the app", statistics.median(painted), "s", "at most", 0.6, detail)]


def idle(seconds: float) -> list[Figure]:
    """What an app that lists finished runs holds in memory and writes."""
    with runs() as folder, Watch(folder) as app:
        app.when(lists_runs)
        app.let_pass(SETTLE_SECONDS)
        written = app.let_pass(seconds)
        resident = psutil.Process(app.process.pid).memory_info().rss
    return [
        Figure("memory of an idle app before PyTorch is needed", resident / 1e6, "MB", "at most", 120.0),
        Figure("bytes to the terminal while idle", written / seconds, "bytes/s", "at most", 0.0, f"in {seconds:g} s"),
    ]


def flowing() -> list[Figure]:
    """What the app writes while particles travel from noise to digits as fast as they may."""
    with runs() as folder, Watch(folder, "prior-mnist") as app:
        app.when(lambda screen: "epoch" in screen)
        for key, view in (("5", "accuracy"), ("a", "step 0 of"), ("]", "at most 4 a second")):
            app.press(key)
            app.when(lambda screen, view=view: view in screen)  # type: ignore[misc]
        most, written, start = 0, 0, time.perf_counter()
        while "step 20 of 20" not in app._shown():
            before = time.perf_counter()
            came = app.let_pass(1.0)
            app._catch_up()
            written, most = written + came, max(most, round(came / (time.perf_counter() - before)))
        seconds = time.perf_counter() - start
    detail = f"300 particles, 20 steps in {seconds:.1f} s; at most {most:,} in one second"
    name = "bytes to the terminal while particles travel"
    return [Figure(name, written / seconds, "bytes/s", "at most", 40_000.0, detail)]


def shows_runs(screen: str) -> bool:
    """Whether this is screen 1, with or without runs."""
    return "1 runs" in screen and "q quit" in screen


def lists_runs(screen: str) -> bool:
    """Whether all shipped runs stand there."""
    return all(path.name in screen for path in SHIPPED.iterdir() if path.is_dir())


@contextmanager
def runs() -> Iterator[Path]:
    """A folder to start the app in, with the shipped runs."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(SHIPPED, Path(folder) / "checkpoints")
        yield Path(folder)


# With a trainer


def while_training(seconds: float) -> list[Figure]:
    """What the training screen writes, and how fast keys are answered, while the trainer holds every core."""
    with training() as run, attached_to(run) as app:
        trainer = psutil.Process(run.status().pid)
        trainer.cpu_percent()
        written = app.let_pass(seconds)
        first = press(app, len(KEYS))  # makes what later ones only show
        answers = press(app, max(len(KEYS), round(PRESSES_PER_SECOND * seconds)))
        cores = f"the trainer used {trainer.cpu_percent() / 100:.1f} of {psutil.cpu_count()} cores"
    figures = [Figure("bytes to the terminal while training", written / seconds, "bytes/s", "at most", 40_000.0, cores)]
    for name, times in answers.items():
        middle, last = np.quantile(times, (0.5, 0.99), method="higher").tolist()
        detail = f"99th percentile of {len(times)}; median {middle:.0f}, largest {max(times):.0f} ms"
        detail += f"; the first time {max(first[name]):.0f} ms; {cores}"
        figures.append(Figure(f"key to changed cell while training: {name}", last, "ms", "at most", 50.0, detail))
    return figures


def attached(rounds: int, seconds: float) -> list[Figure]:
    """Steps a second with the app on the training screen against those while it is held still, in turns."""
    ratios, alone = [], []
    with training() as run, attached_to(run) as app:
        for round_ in range(rounds):
            turns = (pace_alone, pace_watched)
            paces = {turn: turn(run, app, seconds) for turn in (turns if round_ % 2 else reversed(turns))}
            ratios.append(paces[pace_watched] / paces[pace_alone])
            alone.append(paces[pace_alone])
    detail = f"{min(ratios):.3f} to {max(ratios):.3f} in {rounds} rounds of {seconds:g} s each"
    detail += f"; alone {statistics.median(alone):.1f} steps/s"
    name = "throughput with a viewer attached against headless"
    return [Figure(name, statistics.median(ratios), "times", "at least", 0.97, detail)]


def pace_alone(run: Run, app: Watch, seconds: float) -> float:
    """Steps a second while the app does not run: starting it anew for each turn would cost more than it does itself."""
    app.process.send_signal(signal.SIGSTOP)
    try:
        return pace(run, seconds, time.sleep)
    finally:
        app.process.send_signal(signal.SIGCONT)


def pace_watched(run: Run, app: Watch, seconds: float) -> float:
    """Steps a second while it runs."""
    return pace(run, seconds, app.let_pass)


def pace(run: Run, seconds: float, wait: Callable[[float], object]) -> float:
    """Steps a second of the wall clock from one beat of the trainer to another, at least so many seconds later."""
    wait(SETTLE_SECONDS)
    first = last = run.status()
    while last.uptime < first.uptime + seconds:
        wait(min(seconds, POLL_SECONDS))
        last = run.status()
    return (last.step - first.step) / (last.uptime - first.uptime)


def press(app: Watch, count: int) -> dict[str, list[float]]:
    """Milliseconds until the changed cells arrive, for so many keys pressed at random moments."""
    chance = random.Random(0)
    answers: dict[str, list[float]] = {}
    for name, key, view in islice(cycle(KEYS), count):
        app.let_pass(chance.uniform(*PAUSE_SECONDS))
        answers.setdefault(name, []).append(app.answer(key, view))
    return answers


def smoothed(over: str) -> View:
    """Whether the legend of the loss, below the top bar, names a weight; none for an empty text."""
    return lambda screen: re.findall(r"smoothed ([\d.]+)", screen.splitlines()[1]) == [*filter(None, [over])]


# Nothing but these keys changes what they are seen by; after all of them everything is as before.
KEYS: tuple[tuple[str, str, View], ...] = (
    *(("smoothing", "m", smoothed(f"{weight:g}")) for weight in WEIGHTS[1:]),
    ("smoothing", "m", smoothed("")),
    ("other screen", "1", lambda screen: "data set" in screen),
    ("other screen", "2", lambda screen: "images/s" in screen),
)


@contextmanager
def training() -> Iterator[Run]:
    """A run of the recommended model that trains on the CPU for as long as it is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        config = make_config(preset="vae", dataset="mnist-5k", device="cpu", epochs=100_000)
        run = Run.create(Path(folder) / "checkpoints", "a-run", config)
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a trainer outlives who started it
        worker = launch.start(run)
        try:
            worker.wait_until_started()
            while not run.status().saved_step:
                assert not worker.ended, run.last_log_line()
                time.sleep(0.1)
            yield run
        finally:
            signal.signal(signal.SIGTERM, before)
            with suppress(psutil.NoSuchProcess):
                psutil.Process(worker.pid).kill()
            while not worker.ended:
                time.sleep(0.01)


@contextmanager
def attached_to(run: Run) -> Iterator[Watch]:
    """The app on the training screen of a run, with its pictures."""
    with Watch(run.path.parents[1], run.name) as app:
        app.when(lambda screen: "running" in screen and "images/s" in screen and "▀" in screen)
        app.let_pass(SETTLE_SECONDS)
        yield app


def main() -> None:
    """The command line."""
    run_alone(__doc__, measure, seconds=20.0, rounds=5)


if __name__ == "__main__":
    main()
