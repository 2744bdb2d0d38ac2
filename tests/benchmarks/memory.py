"""What the app holds in memory with the processes it started, once every screen was seen, and after that.

`python -m tests.benchmarks.memory [--turns 2] [--json]`
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from tests.benchmarks.figures import Figure, run_alone
from tests.benchmarks.viewer import View, Watch, lists_runs, runs
from tui.screens.base import HIDDEN_SECONDS

# All but the first show what a model makes; on the latent screen all images are encoded.
SCREENS: tuple[tuple[str, View], ...] = (
    ("1", lists_runs),
    ("2", lambda screen: "model   vae" in screen and "▀" in screen),
    ("3", lambda screen: "class, error" in screen and "▀" in screen),
    ("4", lambda screen: ", seed 0" in screen and "▀" in screen),
    ("5", lambda screen: "LDA of" in screen),
    ("6", lambda screen: "swap" in screen),
    ("7", lambda screen: "enter measures" in screen),
)
VIEWS = 4  # of two runs that are compared
SETTLE_SECONDS = 1.5
LATE_SECONDS = 60.0  # after it was to end


@dataclass(frozen=True)
class Held:
    """Bytes: resident, what nobody else has of them, and in proportion to who has them where the system counts that."""

    resident: int
    private: int
    proportional: int | None

    @classmethod
    def by(cls, *processes: psutil.Process) -> Held:
        """What these processes hold together."""
        found = [process.memory_full_info() for process in processes]
        proportional = sum(each.pss for each in found) if all(hasattr(each, "pss") for each in found) else None
        return cls(sum(each.rss for each in found), sum(each.uss for each in found), proportional)

    def as_figure(self, name: str, budget: float, *details: str) -> Figure:
        """The resident bytes against a budget in megabytes, beside the others."""
        shared = [] if self.proportional is None else [f"{self.proportional / 1e6:.0f} in proportion to who shares it"]
        detail = ", ".join([*shared, f"{self.private / 1e6:.0f} private", *details])
        return Figure(name, self.resident / 1e6, "MB", "at most", budget, detail)


def measure(turns: int) -> list[Figure]:
    """The app, the process that looks into runs, and what is left once that has ended."""
    with runs() as folder, Watch(folder, "vae-mnist") as app:
        return [*seen(app, turns), given_back(app)]


def seen(app: Watch, turns: int) -> list[Figure]:
    """After every screen was seen so many times."""
    for _ in range(turns):
        for key, view in SCREENS:
            app.answer(key, view)
            for _ in range(VIEWS if key == "6" else 0):
                app.let_pass(SETTLE_SECONDS)
                app.press("v")
            app.let_pass(SETTLE_SECONDS)
    times = f"after every screen was seen {turns} times"
    return [
        Held.by(psutil.Process(app.process.pid)).as_figure(f"memory of the app {times}", 500.0),
        Held.by(explorer_of(app)).as_figure("memory of the process that looks into runs meanwhile", 1000.0),
    ]


def given_back(app: Watch) -> Figure:
    """On the list, once nothing was looked into for some time."""
    app.answer("1", lists_runs)
    explorer, start = explorer_of(app), time.monotonic()
    while explorer.is_running() and explorer.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < start + HIDDEN_SECONDS + LATE_SECONDS, "it does not end"
        app.let_pass(1.0)
    program = psutil.Process(app.process.pid)
    held = Held.by(program, *program.children(recursive=True))
    took = f"with the process that watches the terminal, {time.monotonic() - start:.0f} s on the list"
    return held.as_figure("memory of all processes of the app after that", 500.0, took)


def explorer_of(app: Watch) -> psutil.Process:
    """The one process that looks into runs."""
    children = psutil.Process(app.process.pid).children()
    (explorer,) = [child for child in children if "core.explorer.server" in child.cmdline()]
    return explorer


def main() -> None:
    """The command line."""
    run_alone(__doc__, measure, turns=2)


if __name__ == "__main__":
    main()
