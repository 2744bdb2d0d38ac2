"""What moving through a training costs: `python -m tests.benchmarks.moments RUN [--data-dir DIR] [--screen S]`.

RUN is the folder of a run with snapshots. In a terminal of 120x40: milliseconds from a key to the picture that it asks
for, once all moments were seen, and when they were not; bytes a second while it plays, and while nothing is pressed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual import events

from core import program
from core.data import registry
from core.runs.run import Run
from core.runs.snapshots.folder import snapshots_of
from tests.benchmarks.explore import until
from tests.support.terminal import ENVIRONMENT, Terminal
from tui.app import VaeTui
from tui.screens.moments.screen import TimeScreen

SIZE = (120, 40)
# The key of a screen, and what it shows: another object is another picture.
LOOKS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "reconstruct": ("3", lambda screen: screen.page),
    "sample": ("4", lambda screen: screen.samples),
    "latent": ("5", lambda screen: screen.plane),
}
SETTLED, BETWEEN = 8.0, 0.3  # seconds: after a screen is opened, and after a moment is seen
PLAYED, IDLE, TRIES = 12.0, 3.0, 10


async def times(run: Path, screen: str, data_dir: Path) -> tuple[list[float], list[float]]:
    """Seconds from a key to the picture that it asks for: when moments are first seen, and when they are seen again."""
    app = VaeTui(run.parent, data_dir, Run(run))
    number, look = LOOKS[screen]
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(number)
        await until(lambda: isinstance(app.screen, TimeScreen) and app.screen.moments and look(app.screen), None)
        await asyncio.sleep(SETTLED)
        keys = [";", ":"] * 2
        found = []
        for key in keys:
            taken = []
            for _ in snapshots_of(run):
                before = look(app.screen)
                app.post_message(events.Key({";": "semicolon", ":": "colon"}[key], key))
                taken.append(await until(partial(look, app.screen), before))
                await asyncio.sleep(BETWEEN)
            found.append(taken)
    return found[0], found[2] + found[3]


def bytes_in(terminal: Terminal, seconds: float) -> float:
    """Bytes a second."""
    before, start = terminal.bytes_written, time.perf_counter()
    terminal.read(seconds)
    return (terminal.bytes_written - before) / (time.perf_counter() - start)


def bytes_of(run: Path, screen: str, data_dir: str | None) -> tuple[float, float]:
    """Bytes a second while a screen plays, and while nothing is pressed."""
    stops = len(snapshots_of(run)) + 1
    words = [*program.words("open"), run.name, "--runs-dir", str(run.parent)]
    words += ["--data-dir", data_dir] if data_dir else []
    with tempfile.TemporaryDirectory() as state:
        environment = ENVIRONMENT | {"COLORTERM": "truecolor", "XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state}
        with Terminal(words, run.parent, environment, SIZE) as terminal:
            terminal.wait_for("epoch")
            terminal.press(LOOKS[screen][0])
            terminal.wait_for(f"newest · {stops}/{stops}")
            terminal.read(SETTLED)
            for _ in range(TRIES):  # until all is drawn that was asked for
                if not bytes_in(terminal, 2.0):
                    break
            idle = bytes_in(terminal, IDLE)
            terminal.press("a")
            terminal.read(1.0)
            return bytes_in(terminal, PLAYED), idle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-dir")
    parser.add_argument("--screen", choices=LOOKS, action="append")
    given = parser.parse_args()
    if not snapshots_of(given.run):
        sys.exit("the run has no snapshots")
    run, data_dir = given.run.absolute(), Path(given.data_dir or registry.default_data_dir())
    for screen in given.screen or LOOKS:
        first, again = asyncio.run(times(run, screen, data_dir))
        played, idle = bytes_of(run, screen, given.data_dir)
        figures = [1000 * each for each in (statistics.median(again), max(again), statistics.median(first))]
        print("{}: {:.0f} ms a moment, {:.0f} at most, first seen {:.0f};".format(screen, *figures), end=" ")
        print(f"{played / 1000:.1f} kB/s while it plays, {idle:.0f} B/s idle", flush=True)


if __name__ == "__main__":
    main()
