"""The names of runs in a folder: which is free, and giving a run another one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from core.errors import DamagedFile, RunError
from core.runs.config import check_name
from core.runs.keeping.notes import MOST_NAMES, read_notes, write_notes
from core.runs.run import NameTaken, Run

LONGEST_STEM = 90  # of a name that has a number behind it


def stem_of(name: str) -> str:
    """The name of a folder as far as a run may be called so: `we-ird` of `we ird`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:LONGEST_STEM] or "run"


def unused_name(runs_dir: Path | str, stem: str) -> str:
    """The stem itself, or as much of it as has room for the number that follows those in use. Raises OSError."""
    try:
        taken = [path.name for path in Path(runs_dir).iterdir()]
    except FileNotFoundError:
        return stem
    if next_name(stem, taken) == stem:
        return stem
    cut = stem[:LONGEST_STEM]
    return next_name(cut, [*taken, cut])


def next_name(stem: str, taken: Iterable[str]) -> str:
    """The stem, or the stem with a number above all numbers taken."""
    used = [re.fullmatch(rf"{re.escape(stem)}(?:-(\d{{1,8}}))?", name) for name in taken]
    numbers = [int(match[1] or 1) for match in used if match]
    return f"{stem}-{max(numbers) + 1}" if numbers else stem


def rename(run: Run, name: str) -> Run:
    """Give a run another name, and keep the one before in its notes, by which others may name it.

    Raises ConfigError, NameTaken where there is something of that name, RunError while a trainer has the run,
    DamagedFile where its notes cannot be read, or OSError.
    """
    renamed = Run(run.path.with_name(check_name(name)))
    run.check_there()
    with ExitStack() as stack:
        # A trainer would have made metrics.jsonl, and could not use what is no file.
        with suppress(FileNotFoundError, DamagedFile):
            stack.enter_context(run.lock())
        if os.path.lexists(renamed.path):
            raise NameTaken({"name": f"name {name} is taken: {renamed.path} exists"})
        notes = read_notes(run)
        names = [former for former in notes.formerly if former not in (name, run.name)]
        write_notes(run, notes.model_copy(update={"formerly": (*names, run.name)[-MOST_NAMES:]}))
        run.path.rename(renamed.path)
    return renamed


def find_renamed(runs: Iterable[Run], name: str) -> Run | None:
    """The one of the runs that had this name before, None where none had, or none says so."""
    for run in runs:
        with suppress(DamagedFile, OSError):
            if name in read_notes(run).formerly:
                return run
    return None


def run_named(runs_dir: Path, name: str) -> Run:
    """The run that is or was called so, such as the first stage of a prior. Raises RunError or OSError."""
    run = Run(runs_dir / name)
    with suppress(RunError):
        run.check_there()
        return run
    siblings = (Run(path) for path in sorted(runs_dir.iterdir()) if path.is_dir())
    if found := find_renamed(siblings, name):
        return found
    raise RunError(f"{name} is gone, and no run says that it had this name")
