"""A queue for tests, which sees no trainers but those of the test: others may train on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.runs.run import Run

# Python loads a module of this name first, in every process that is started.
BLINKERS = """
import psutil

process_iter = psutil.process_iter

def seen(*arguments, **options):
    for process in process_iter(*arguments, **options):
        if any({folder!r} in word for word in process.info.get("cmdline") or ()):
            yield process

psutil.process_iter = seen
"""


def see_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process, and those that it starts, see no other processes than those with the folder in their words."""
    every = psutil.process_iter

    def seen(*arguments: Any, **options: Any) -> Iterator[psutil.Process]:
        for process in every(*arguments, **options):
            if any(str(folder) in word for word in process.info.get("cmdline") or ()):
                yield process

    monkeypatch.setattr(psutil, "process_iter", seen)
    blinkers = folder / "blinkers"
    blinkers.mkdir(exist_ok=True)
    (blinkers / "sitecustomize.py").write_text(BLINKERS.replace("{folder!r}", repr(str(folder))))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(blinkers), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))


def begun(run: Run) -> int:
    """How often a trainer began with the run, as its log says."""
    return run.log_path.read_text().count(" from step ") if run.log_path.exists() else 0
