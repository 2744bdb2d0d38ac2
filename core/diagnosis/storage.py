"""Looks at folders, locks, image sets and the trainers that run here."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import psutil

from core import folders
from core.data import registry
from core.diagnosis.finding import Finding, size
from core.errors import UserError
from core.runs.catalog import Unreadable, find_runs
from core.runs.lock import RunLock

LITTLE = 1e9  # bytes free, below which a long training may fill the disk
SHARED_MEMORY = Path("/dev/shm")
ROOM_OF_PROCESSES = 1e9  # bytes there that the processes of one run need at most


def examine(runs_dir: Path, data_dir: Path) -> Iterator[Finding]:
    """Findings about where things are kept."""
    for topic, folder in (
        ("runs", runs_dir), ("image sets", data_dir), ("cache", folders.cache_dir()), ("state", folders.state_dir()),
        ("settings", folders.config_dir()),
    ):  # fmt: skip
        yield Finding(topic, "no home folder keeps any") if folder is None else _folder(topic, folder.absolute())
    if runs_dir.is_dir():
        yield _lock(runs_dir)
        yield _runs(runs_dir)
    if SHARED_MEMORY.is_dir():
        yield _shared_memory(psutil.disk_usage(str(SHARED_MEMORY)).free)
    sets = registry.describe_sets(data_dir)
    missing = [found.name for found in sets if not found.on_disk]
    there = ", ".join(found.name for found in sets if found.on_disk)
    yield Finding("sets there", there, f"vae-tui data --download NAME fetches {', '.join(missing)}" if missing else "")
    yield _trainers()


def _shared_memory(free: int) -> Finding:
    advice = "several processes may need more to train one run: --shm-size 1g for Docker, or --ipc host"
    return Finding("/dev/shm", f"{size(free)} free", advice if free < ROOM_OF_PROCESSES else "")


def _folder(topic: str, folder: Path) -> Finding:
    """Whether there is room, and files can be made, in a folder or where it would be made."""
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".vae-tui-"):  # permissions alone do not tell, as in /proc
            free = psutil.disk_usage(str(there)).free
    except OSError as error:
        text = f"{folder}, where nothing can be made: {there}: {error.strerror}"
        return Finding(topic, text, "name another one", hinders=topic == "runs")
    text = f"{folder}, {size(free)} free" + ("" if there == folder else ", made when it is needed")
    return Finding(topic, text, "there is little room" if free < LITTLE else "")


def _lock(runs_dir: Path) -> Finding:
    """Whether files can be locked where runs are kept."""
    try:
        with tempfile.NamedTemporaryFile(dir=runs_dir, prefix=".vae-tui-") as file, RunLock(Path(file.name)) as lock:
            refused = lock.refused
    except (OSError, UserError) as error:
        return Finding("locks", f"cannot be tried: {error}")
    if refused is None:
        return Finding("locks", "keep a second trainer away from a run")
    advice = "start no two trainers of one run: nothing hinders you"
    return Finding("locks", f"the file system has none ({refused})", advice)


def _runs(runs_dir: Path) -> Finding:
    unreadable = Unreadable()
    found = find_runs(runs_dir, unreadable)
    return Finding("runs there", f"{len(found)} run{'s' * (len(found) != 1)}", str(unreadable))


def _trainers() -> Finding:
    """The trainers of this machine, and those among them whose run is gone."""
    training: list[str] = []
    stray: list[str] = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "core.worker" not in words:
            continue
        given = words[words.index("core.worker") + 1 :]
        for path in map(Path, takewhile(lambda word: not word.startswith("-"), given)):
            if path.exists():
                training.append(f"{path.name} (process {process.pid})")
            else:
                stray.append(str(process.pid))
    advice = f"the run of others is gone, so end them: kill {' '.join(stray)}" if stray else ""
    return Finding("trainers", ", ".join(training) or "none", advice)
