"""Makes the run that a form asks for, and has it trained: at once, or in its turn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from core.jobs import launch
from core.jobs.queue.starting import start_waiting
from core.jobs.queue.waiting import enter, queueing
from core.runs.catalog import create_run
from core.runs.config import RunConfig, stamp
from core.runs.run import Run

QUEUE_SECONDS = 5.0  # with somebody else who starts runs


def make_run(runs_dir: Path, name: str | None, config: RunConfig, *, queued: bool) -> Run:
    """A new run, which waits in the queue where it is to. Raises as `create_run`, or OSError."""
    weights = Run(runs_dir / config.first_stage).read_weights() if config.first_stage else None
    with queueing(runs_dir) if queued else nullcontext():
        fill = [enter] if queued else []
        return create_run(runs_dir, name, f"{config.preset}-{config.dataset}", stamp(config), weights, None, *fill)


def begin(run: Run, told_to_stop: Callable[[], bool], data_dir: Path | None = None, *, queued: bool) -> None:
    """Have a trainer take the run, or whichever waits and has room. Raises RunError, NotBegun or OSError."""
    if queued:
        start_waiting([run.path.parent], QUEUE_SECONDS)
    else:
        launch.start(run, data_dir=data_dir).wait_until_started(told_to_stop=told_to_stop)
