"""The app on a run that trains, with random keys and window sizes: no exception, no growth."""

from __future__ import annotations

import os
import random
import re
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from tests.support import trainers
from tests.support.terminal import ENVIRONMENT, Terminal

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))
# Every key but those that quit the app, answer yes to a question about the run, or start another.
ARROWS = ["\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F"]
KEYS = [*"123456", *"aceghijklmnoprtvwxyz0789 []{}+-=?.,", *ARROWS, "\r", "\t", "\x1b"]
KEYS.remove("y")
SETTLED_MINUTES = 5.0
TAIL = 100_000


class Window(Terminal):
    """A terminal that nobody looks at; `tail` is what was written to it last."""

    tail = b""

    def read(self, seconds: float = 0.05) -> str:
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                content = os.read(self._master, 1 << 16)
            except OSError:  # the app is gone
                break
            self.bytes_written += len(content)
            self.tail = (self.tail + content)[-TAIL:]
        return ""


def plain(written: bytes) -> str:
    """What was written without its escape sequences."""
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()=>][AB0]?)|\r", "", written.decode(errors="replace"))


def use_at_random(window: Window, chance: random.Random, minutes: float) -> list[tuple[float, int, int]]:
    """Press keys and drag the window; minutes, resident bytes and open files of the app, every few seconds."""
    app, readings = psutil.Process(window.process.pid), []
    start = looked = time.monotonic()
    while (now := time.monotonic()) < start + 60 * minutes:
        if chance.random() < 0.05:
            window.resize(chance.randint(20, 300), chance.randint(5, 100))
        window.press(chance.choice(KEYS))
        window.read(0.1)
        assert window.process.poll() is None, plain(window.tail)
        if now - looked > 2:
            looked = now
            readings.append(((now - start) / 60, app.memory_info().rss, app.num_fds()))
    return readings


@pytest.mark.timeout(0)
@pytest.mark.parametrize("minutes", [0.4, pytest.param(60.0, marks=pytest.mark.soak)])
def test_hours_of_use_leave_the_app_as_it_was(
    make_run: MakeRun, wait_until: WaitUntil, tmp_path: Path, minutes: float
) -> None:
    minutes = float(os.environ.get("VAE_TUI_SOAK_MINUTES", minutes)) if minutes > 1 else minutes
    seed = int(os.environ.get("VAE_TUI_SOAK_SEED", random.randrange(2**32)))
    print(f"seed {seed}")
    run = make_run(preset="vae", epochs=100_000, batch_size=100)
    trainers.begin(run)
    wait_until(lambda: run.status().step > 2, what="the first steps")
    with Window([VAE_TUI, run.name, "--data-dir", str(tmp_path / "data")], tmp_path, ENVIRONMENT) as window:
        readings = use_at_random(window, random.Random(seed), minutes)
        settled = [reading for reading in readings if reading[0] > min(SETTLED_MINUTES, minutes / 2)]
        quarter = max(1, len(settled) // 4)
        first, last = settled[:quarter], settled[-quarter:]
        for name, column in (("memory", 1), ("open files", 2)):
            before, after = (max(reading[column] for reading in part) for part in (first, last))
            print(f"{name}: {before:,} at first, {after:,} after {minutes:g} minutes")
            assert name != "memory" or after <= 1.1 * before or minutes < SETTLED_MINUTES
        # A feed may have a file open just then.
        assert max(reading[2] for reading in last) <= max(reading[2] for reading in first) + 4
        window.process.terminate()
        assert window.wait_for_end() == 0
    assert run.state().active


def test_a_million_lines_are_followed_at_the_cost_of_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "metrics.jsonl"
    line = (
        '{"kind":"step","epoch":%d,"step":%d,"time":%d,"loss":40.5,"reconstruction":30.25,"kl":10.25,'
        '"learning_rate":0.001,"images_per_second":2000.0}\n'
    )
    with path.open("w") as file:
        file.writelines(line % (step // 1000, step, step) for step in range(1_000_000))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    reader = MetricsReader(path)
    reader.poll()
    reader.poll()  # keeps what the first one read, once
    assert len(reader.steps) == 1_000_000

    taken: list[int] = []
    pread = os.pread

    def counting(descriptor: int, length: int, offset: int) -> bytes:
        content = pread(descriptor, length, offset)
        taken.append(len(content))
        return content

    monkeypatch.setattr(os, "pread", counting)
    new = line % (1000, 1_000_000, 1_000_000)
    with path.open("a") as file:
        file.write(new)
    assert reader.poll()
    assert len(reader.steps) == 1_000_001
    assert sum(taken) < len(new) + 1000
