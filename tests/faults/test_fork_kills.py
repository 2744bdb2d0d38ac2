"""A fork is there whole or not at all, whenever what makes it is killed, and the run that it is of is never touched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import RunError
from core.jobs.forking import make_fork
from core.runs.catalog import find_runs
from core.runs.run import Run
from core.training.forks.making import fork_newest
from tests.support import run_files, trainers

MakeRun = Callable[..., Run]
# As they are written, one after the other.
WRITTEN = ("metrics.jsonl", "best.safetensors", "model.safetensors", "state.pt", "status.json", "config.json")


def make(path: Path) -> None:
    """Be a process that makes a fork."""
    fork_newest(Run(path), path.parent, "fork", {"epochs": 5}, None)


def half_made(runs_dir: Path) -> set[str]:
    """The files of forks that are not there yet."""
    found: set[str] = set()
    for folder in runs_dir.glob(".fork.tmp-*"):
        with suppress(FileNotFoundError):  # it was given its name just now
            found |= {file.name for file in folder.iterdir()}
    return found


def contents(run: Run) -> dict[Path, tuple[bytes, int]]:
    """What is in the folder of a run, and when it was changed."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.path.rglob("*.*") if path.is_file()}


@pytest.mark.timeout(120)
def test_a_fork_is_there_whole_or_not_at_all(make_small_run: MakeRun, runs_dir: Path) -> None:
    parent = make_small_run("parent")
    trainers.finish(parent)
    before = contents(parent)
    made = 0
    for file in (*WRITTEN, "", ""):
        process = trainers.fork(make, parent.path)
        trainers.wait_while_alive(process, lambda: file in half_made(runs_dir) or (runs_dir / "fork").exists())  # noqa: B023
        process.kill()
        process.join(30)
        found = {run.name: run for run in find_runs(runs_dir)}
        assert found.keys() <= {"parent", "fork", *(f"fork-{number + 1}" for number in range(made))}
        if "fork" in found:
            made += 1
            run_files.assert_sound(found["fork"])
            found["fork"].path.rename(runs_dir / f"fork-{made}")
    assert contents(parent) == before
    make(parent.path)
    fork = Run(runs_dir / "fork")
    trainers.finish(fork)  # as resume does, where nothing but the making was done
    trainers.finish(parent, replace(trainers.EVERY_LINE, epochs=5))
    run_files.assert_same_weights(fork, parent)


@pytest.mark.timeout(60)
def test_who_asks_for_a_fork_of_a_damaged_state_is_told(make_small_run: MakeRun, runs_dir: Path) -> None:
    parent = make_small_run("parent", epochs=1)
    trainers.finish(parent)
    parent.state_path.write_bytes(b"no state")
    with pytest.raises(RunError, match=r"^parent: state\.pt: cannot be loaded: it is no archive$"):
        make_fork(parent, runs_dir, None, {"epochs": 2})
    assert [run.name for run in find_runs(runs_dir)] == ["parent"]
