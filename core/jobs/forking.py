"""Has a fork of a run made, by a process that loads PyTorch for it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core import program
from core.errors import ConfigError, DamagedFile, RunError
from core.jobs.launch import NotBegun
from core.runs.run import Run, Share
from core.runs.status import State
from core.text import printable

END_SECONDS = 3.0  # that the process has to end by itself
SAVE_SECONDS = 10.0  # that a trainer has to save before a fork takes what was saved before


def save_before(run: Run, seconds: float = SAVE_SECONDS) -> bool:
    """Have the trainer of a run save, where it has one, and wait until it has; whether it did.

    A paused run is saved, and a run that may only be read cannot be asked. Raises DamagedFile or OSError.
    """
    status, state = run.observe()
    if state is not State.RUNNING or run.read_only or status.done_request is None:
        return False
    request = run.requests.add("save", status.done_request)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not run.requests.waits(request):
            return True
        time.sleep(0.05)
    with suppress(FileNotFoundError, DamagedFile):
        run.requests.remove(request.file)
    return False


def make_fork(
    run: Run,
    runs_dir: Path,
    name: str | None,
    wanted: Mapping[str, Any],
    epoch: float | None = None,
    share: Share | None = None,
    told_to_stop: Callable[[], bool] = lambda: False,
    warn: Callable[[str], None] = lambda text: None,
) -> Run:
    """A new run that goes on from the newest state of a run, or from its snapshot nearest to an epoch.

    It has the run's settings but for those that are wanted otherwise. `warn` is told in a line of what it lacks.
    Raises ConfigError, RunError, or NotBegun where it was told to stop meanwhile; then there is no fork.
    """
    asked: dict[str, Any] = {"run": str(run.path), "runs_dir": str(runs_dir), "name": name, "share": share}
    asked |= {"wanted": dict(wanted), "epoch": epoch}
    process = subprocess.Popen(
        program.words("core.training.forks.making"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    said, complaint = "", ""
    given: str | None = json.dumps(asked)
    try:
        while True:
            try:
                said, complaint = process.communicate(given, timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                given = None
            if told_to_stop():
                raise NotBegun(f"the fork of {run.name} was not made: told to stop")
    finally:
        if process.poll() is None:
            process.terminate()  # and it tidies up
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    made = _answer(run, said, complaint)
    for line in said.splitlines()[:-1]:
        warn(printable(line))
    return made


def _answer(run: Run, said: str, complaint: str) -> Run:
    """The run that the process made, or the error that it told of."""
    answer: Any = None
    with suppress(IndexError, ValueError):
        answer = json.loads(said.splitlines()[-1])
    match answer:
        case {"path": str(path)}:
            return Run(Path(path))
        case {"problems": dict(problems)}:
            raise ConfigError({str(field): printable(str(text)) for field, text in problems.items()})
        case {"error": str(text)}:
            raise RunError(printable(text))
    last = printable((complaint.strip().splitlines() or ["no word"])[-1])
    raise RunError(f"cannot make a fork of {run.name}: {last}")
