"""Whoever is killed while runs wait, at whatever it does: no run is forgotten, none is trained twice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.jobs import launch
from core.jobs import process as trainer_process
from core.jobs.queue import waiting
from core.jobs.queue.register import read_register
from core.jobs.queue.starting import start_waiting
from core.runs.catalog import find_runs
from core.runs.config import make_config
from core.runs.keeping.queued import QUEUED
from core.runs.run import Run
from core.runs.status import State
from tests.support import run_files, trainers
from tests.support.queues import begun, see_only

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
PASSED_ON = ("XDG_STATE_HOME", "PYTHONPATH")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    see_only(tmp_path, monkeypatch)


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON}


def die_at(number: int) -> Callable[[], None]:
    """Counts what is done, and dies before so many things are."""
    left = number

    def count() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    return count


def dying(number: int, variables: Mapping[str, str], work: Callable[..., object], *arguments: object) -> None:
    """Be a process that does this work, and is killed before it writes, removes or starts the next thing."""
    os.environ.update(variables)
    os.environ["PYTHONPATH"] = variables["PYTHONPATH"]
    count = die_at(number)
    for owner, name in ((os, "rename"), (os, "replace"), (os, "unlink"), (subprocess.Popen, "__init__")):
        setattr(owner, name, counted(getattr(owner, name), count))
    for name in ("rename", "replace", "unlink"):
        setattr(Path, name, counted(getattr(Path, name), count))
    work(*arguments)


def counted(does: Callable[..., Any], count: Callable[[], None]) -> Callable[..., Any]:
    def counting(*arguments: Any, **options: Any) -> Any:
        count()
        return does(*arguments, **options)

    return counting


def survives(number: int, work: Callable[..., object], *arguments: object) -> bool:
    """Whether a process that dies before it has done so many things ends by itself."""
    process = trainers.fork(dying, number, environment(), work, *arguments)
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def make_queued(runs_dir: Path, name: str, data_dir: str) -> None:
    """As `vae-tui train --queue` does."""
    config = make_config(**(trainers.SMALL | {"data_dir": data_dir, "preset": "ae", "epochs": 2}))
    with waiting.queueing(runs_dir):
        Run.create(runs_dir, name, config, fill=waiting.enter)


@pytest.mark.timeout(120)
def test_a_run_waits_whole_and_known_or_is_not_there(runs_dir: Path, few_digits: Path) -> None:
    for number in range(50):
        name = f"run-{number}"
        done = survives(number, make_queued, runs_dir, name, str(few_digits))
        there = Run(runs_dir / name) in find_runs(runs_dir)
        assert there or not done
        if there:
            assert Run(runs_dir / name).state() is State.QUEUED
            assert read_register().folders == (str(runs_dir),)
        if done:
            break
    assert number > 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_starter_that_is_killed_starts_no_run_twice_and_forgets_none(
    make_small_run: MakeRun, runs_dir: Path, wait_until: WaitUntil
) -> None:
    for number in range(20):
        runs = [make_small_run(f"{name}-{number}") for name in ("first", "second")]
        for run in runs:
            waiting.enqueue(run)
        done = survives(number, start_waiting)
        for _ in range(3):
            start_waiting()  # a viewer that looks, and another
        wait_until(lambda: all(run.state() is State.FINISHED for run in runs), what="the queue")  # noqa: B023
        for run in runs:
            run_files.assert_sound(run)
            assert begun(run) == 1
        wait_until(lambda: not any((run.path / QUEUED).exists() for run in runs))  # noqa: B023
        if done:
            break
    assert number > 1


def be_trainer(path: Path) -> None:
    """Be a trainer's process that the queue started, which says in a file that it is about to start the next."""

    def hand_on(ended: object) -> list[Run]:
        (path.parent / "handed-on").write_text("")
        return []

    vars(trainer_process)["hand_on"] = hand_on
    log = os.open(path / "train.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    trainer_process.main([str(path), "--from-queue"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_trainer_that_is_killed_at_anything_it_writes_is_not_forgotten(
    make_small_run: MakeRun, runs_dir: Path
) -> None:
    undisturbed = make_small_run("undisturbed")
    trainers.finish(undisturbed)
    number, done = 0, False
    while not done:
        run = make_small_run(f"run-{number}")
        waiting.enqueue(run)
        done = survives(number, be_trainer, run.path)
        state = run.state()
        if state is State.FINISHED:
            assert done or not (runs_dir / "handed-on").exists() or not (run.path / QUEUED).exists()
            start_waiting()  # which tidies up, and starts nothing
            assert begun(run) == 1
        else:
            assert state is State.QUEUED, f"forgotten after {number} things"
            while not survives(10**6, be_trainer, run.path):
                pass
        run_files.assert_same_training(run, undisturbed)
        assert not (run.path / QUEUED).exists()
        (runs_dir / "handed-on").unlink(missing_ok=True)
        number += 1 if number < 8 else 7
    assert number > 10


@pytest.mark.timeout(120)
def test_a_run_that_was_taken_out_while_its_trainer_started_is_not_trained(make_small_run: MakeRun) -> None:
    run = make_small_run("run")
    waiting.enqueue(run)
    waiting.leave(run)
    assert survives(10**6, be_trainer, run.path)
    assert (run.state(), begun(run), run.metrics_path.stat().st_size) == (State.CREATED, 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_trainer_starts_the_next_and_a_killed_one_leaves_that_to_who_looks(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    runs = [make_small_run(name, epochs=400 if name == "lost" else 2) for name in ("one", "two", "lost", "last")]
    for run in runs:
        waiting.enqueue(run)
    one, two, lost, last = runs
    start_waiting()
    wait_until(lambda: lost.status().begun, what="the third")
    assert [run.state() for run in (one, two)] == [State.FINISHED] * 2
    assert last.state() is State.QUEUED, "one at a time"
    wait_until(lambda: lost.status().saved_step)
    process = lost.status().pid
    assert process is not None
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: lost.state() is State.QUEUED, what="a lost run waits again")
    assert start_waiting() == [lost]
    wait_until(lambda: lost.state() is State.RUNNING)
    launch.send_request(lost, "stop")
    wait_until(lambda: last.state() is State.FINISHED, what="the last")
    assert lost.state() is State.STOPPED
    for run in runs:
        run_files.assert_sound(run)


def be_trainer_of(*paths: Path) -> None:
    """Be one process for several runs of the queue."""
    trainer_process.main([*map(str, paths), "--from-queue"])


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_of_several_runs_of_a_process_those_are_trained_that_wait(make_small_run: MakeRun) -> None:
    runs = [make_small_run(name, epochs=2) for name in ("one", "two", "three")]
    two = runs[1]
    for run in runs:
        waiting.enqueue(run)
    waiting.leave(two)
    assert survives(10**6, be_trainer_of, *(run.path for run in runs))
    assert [run.state() for run in runs] == [State.FINISHED, State.CREATED, State.FINISHED]
    assert not any((run.path / QUEUED).exists() for run in runs)
    assert "it waits in the queue no more" in two.log_path.read_text()
