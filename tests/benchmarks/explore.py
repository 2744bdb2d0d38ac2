"""How long the screens that look into a run take: `python -m tests.benchmarks.explore RUN [--data-dir DIR] [--json]`.

Each screen is opened in a process of its own, so that the first picture includes the import of PyTorch. The app runs
without a terminal, at 120x40; times are in milliseconds, from a key to the picture that it asks for, drawn in cells.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual import events

from core import program
from core.runs.run import Run
from tui.app import VaeTui

PRESSES, WARM = 20, 3
SIZE = (120, 40)

# What a screen shows is replaced whenever an answer came, so another object is another picture.
SCREENS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "reconstruct": ("3", lambda screen: screen.page),
    "sample": ("4", lambda screen: screen.samples),
    "latent": ("5", lambda screen: screen.plane),
}
KEYS: dict[str, list[tuple[str, str, Callable[[Any], object]]]] = {
    "reconstruct": [("pagedown", "next page", lambda screen: screen.page)],
    "sample": [
        ("greater_than_sign", "other samples", lambda screen: screen.samples),
        ("left_square_bracket", "temperature", lambda screen: screen.samples),
    ],
}


async def until(look: Callable[[], object], before: object) -> float:
    """Seconds until what `look` sees is something else than before."""
    start = time.perf_counter()
    while (seen := look()) is before or seen is None:
        await asyncio.sleep(0.001)
        if time.perf_counter() - start > 120:
            raise TimeoutError("the screen did not change within two minutes")
    return time.perf_counter() - start


async def measure(screen_name: str, run: Run, data_dir: Path) -> dict[str, Any]:
    """Milliseconds of the first picture of a screen, and of each of its keys: median and largest."""
    app = VaeTui(run.path.parent, data_dir)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(1)
        app.selected_run = run
        key, look = SCREENS[screen_name]
        start = time.perf_counter()
        await pilot.press(key)
        await until(lambda: look(app.screen), None)
        found: dict[str, Any] = {"first": 1000 * (time.perf_counter() - start)}
        for key, name, see in KEYS.get(screen_name, []):
            for _ in range(WARM):  # what is computed once is computed here
                await pilot.press(key)
                await pilot.pause(1)
            times = []
            for _ in range(PRESSES):
                before = see(app.screen)
                start = time.perf_counter()
                app.post_message(events.Key(key, None))
                await until(partial(lambda look: look(app.screen), see), before)
                times.append(1000 * (time.perf_counter() - start))
            found[name] = {"median": statistics.median(times), "largest": max(times)}
    return found


def main() -> None:
    """Print the times of every screen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run that has weights")
    parser.add_argument("--data-dir", type=Path, default=Path("/nonexistent"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--screen", choices=SCREENS, help="only this one, in this process")
    given = parser.parse_args()
    if given.screen:
        found = asyncio.run(measure(given.screen, Run(given.run.absolute()), given.data_dir))
        print(json.dumps(found), flush=True)
        os._exit(0)  # a thread may be deep in PyTorch
    results = {}
    for name in SCREENS:
        command = [*program.words("tests.benchmarks.explore"), str(given.run), "--screen", name]
        done = subprocess.run([*command, "--data-dir", str(given.data_dir)], stdout=subprocess.PIPE, check=True)
        results[name] = json.loads(done.stdout.splitlines()[-1])
    if given.json:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()} | results))
        return
    for name, found in results.items():
        print(f"{name:<12} first picture {found.pop('first'):8.0f} ms")
        for key, times in found.items():
            print(f"{'':<12} {key:<13} {times['median']:8.1f} ms median, {times['largest']:.1f} ms largest")


if __name__ == "__main__":
    main()
