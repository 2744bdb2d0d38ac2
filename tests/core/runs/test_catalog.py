"""The list of runs is true at every moment, and costs next to nothing while no file changes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core.runs import watching
from core.runs.catalog import RunSummary, summarise
from core.runs.config import RunConfig
from core.runs.run import Run
from core.runs.status import LOST_AFTER_SECONDS, State, process_started
from core.runs.watching import TICK_SECONDS, TURNS, Catalog
from core.trash import discard

MakeRun = Callable[..., Run]


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runs(runs_dir: Path, clock: Clock) -> Catalog:
    return Catalog(runs_dir, clock)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that are read, one after the other."""
    names: list[str] = []

    def noting(run: Run) -> RunSummary:
        names.append(run.name)
        return summarise(run)

    monkeypatch.setattr(watching, "summarise", noting)
    return names


def seen(runs: Catalog, looks: int = TURNS) -> dict[str, RunSummary]:
    """The runs by name, after every one of them had its turn."""
    for _ in range(looks - 1):
        runs.look()
    return {summary.run.name: summary for summary in runs.look()}


def settle(runs: Catalog, clock: Clock) -> None:
    """Look until nothing is read any more."""
    seen(runs)
    clock.now += TICK_SECONDS
    seen(runs)


@contextmanager
def trained(run: Run, **changes: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says that it trains the run."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        status = {"state": State.RUNNING, "pid": process.pid, "process_started": process_started(process.pid)}
        status |= {"host": socket.gethostname(), "heartbeat": time.time()}
        run.write_status(run.status().model_copy(update=status | changes))
        try:
            yield process
        finally:
            process.kill()


def test_there_are_no_runs_where_there_is_no_folder(runs: Catalog) -> None:
    assert runs.look() == []


def test_runs_that_come_and_go_are_seen_at_the_next_look(runs: Catalog, runs_dir: Path, make_run: MakeRun) -> None:
    first, second = make_run("first"), make_run("second")
    (runs_dir / "no-run").mkdir()
    (runs_dir / "link").symlink_to(first.path)
    assert seen(runs, 1).keys() == {"first", "second"}
    first.path.rename(runs_dir / "renamed")
    discard(second)
    make_run("third")
    assert seen(runs, 1).keys() == {"renamed", "third"}


def test_a_folder_becomes_a_run_once_it_has_the_files_of_one(runs: Catalog, runs_dir: Path, make_run: MakeRun) -> None:
    copied = make_run("copied")
    (runs_dir / "copy").mkdir()
    assert seen(runs).keys() == {"copied"}
    shutil.copy(copied.path / "config.json", runs_dir / "copy")
    assert seen(runs)["copy"].damage == "status.json is missing"
    shutil.copy(copied.path / "status.json", runs_dir / "copy")
    assert seen(runs)["copy"].damage is None


def test_runs_at_rest_are_not_read_again(runs: Catalog, clock: Clock, make_run: MakeRun, read: list[str]) -> None:
    names = {make_run(f"run-{number}").name for number in range(8)}
    before = seen(runs)
    assert sorted(read) == sorted(names)
    settle(runs, clock)
    read.clear()
    clock.now += 1000
    assert all(summary is before[name] for name, summary in seen(runs, 3 * TURNS).items())
    assert read == []


@pytest.mark.parametrize("file", ["config.json", "status.json", "metrics.jsonl"])
def test_a_file_that_changes_in_its_place_is_read_again(
    runs: Catalog, clock: Clock, make_run: MakeRun, read: list[str], file: str
) -> None:
    run, other = make_run(), make_run("other")
    for each in (run, other):
        each.metrics_path.write_text('{"kind":"step","epoch":0,"step":1,"time":1.0,"loss":2.0}\n')
    settle(runs, clock)
    read.clear()
    with (run.path / file).open("r+") as opened:  # as a copy that is not complete yet
        opened.truncate(9)
    summary = seen(runs)[run.name]
    assert replace(summary, best=None, size=None) == summarise(run)
    assert summary.damage or summary.train_loss is None
    assert set(read) == {run.name}


def test_two_changes_that_a_coarse_clock_does_not_tell_apart_are_both_seen(
    runs: Catalog, clock: Clock, make_run: MakeRun
) -> None:
    run = make_run()
    settle(runs, clock)
    file = run.path / "status.json"
    for epoch in (3, 4):
        file.write_text(f'{{"state": "finished", "epoch": {epoch}}}')
        os.utime(file, (1_700_000_000, 1_700_000_000))
        if epoch == 3:
            status = seen(runs)[run.name].status
            assert status is not None
            assert status.epoch == 3
    clock.now += TICK_SECONDS
    status = seen(runs)[run.name].status
    assert status is not None
    assert status.epoch == 4


def test_a_run_that_trains_is_read_at_every_look(runs: Catalog, clock: Clock, make_run: MakeRun) -> None:
    run = make_run()
    settle(runs, clock)
    with trained(run) as process:
        assert seen(runs)[run.name].state is State.RUNNING
        for loss in (3.0, 2.0, 1.0):
            run.metrics_path.write_text(f'{{"kind":"step","epoch":0,"step":1,"time":1.0,"loss":{loss}}}\n')
            os.utime(run.metrics_path, (1_700_000_000, 1_700_000_000))
            assert seen(runs, 1)[run.name].train_loss == loss
        process.kill()
        process.wait()
        assert seen(runs, 1)[run.name].state is State.LOST
    settle(runs, clock)
    with trained(run):
        assert seen(runs)[run.name].state is State.RUNNING


def test_a_trainer_on_another_host_is_lost_once_it_beats_no_more(
    runs: Catalog, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, now = make_run(), time.time()
    with trained(run, host="another"):
        assert seen(runs)[run.name].state is State.RUNNING
        monkeypatch.setattr(time, "time", lambda: now + LOST_AFTER_SECONDS + 1)
        assert seen(runs, 1)[run.name].state is State.LOST
        run.write_status(run.status().model_copy(update={"heartbeat": time.time()}))
        assert seen(runs)[run.name].state is State.RUNNING


def write_epochs(run: Run, validated: list[int], last: int, steps_between: int = 0) -> None:
    """An epoch line for each of `last` epochs, with a validation after some of them, and step lines between."""
    step = {"kind": "step", "epoch": 0, "step": 1, "time": 1.0, "loss": 2.5}
    with run.metrics_path.open("w") as file:
        for epoch in range(1, last + 1):
            file.writelines(f"{json.dumps(step)}\n" for _ in range(steps_between))
            value = 10.0 / epoch if epoch in validated else None
            line = {"kind": "epoch", "epoch": epoch, "step": epoch, "time": 1.0, "train_loss": 3.0, "val_loss": value}
            file.write(f"{json.dumps(line)}\n")


def test_a_run_that_goes_while_it_is_read_is_gone_and_not_damaged(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    read = Run.config

    def read_and_lose(run: Run) -> RunConfig:
        config = read(run)
        run.path.rename(tmp_path / "aside")
        return config

    monkeypatch.setattr(Run, "config", read_and_lose)
    summary = summarise(run)
    assert summary.gone
    assert "is gone" in str(summary.damage)


@pytest.mark.parametrize("steps_between", [0, 2000])
def test_the_newest_validation_is_known_between_validations(make_run: MakeRun, steps_between: int) -> None:
    run = make_run()
    write_epochs(run, [], 3, steps_between)
    assert summarise(run).validation is None
    write_epochs(run, [5, 10], 14, steps_between)
    run.write_status(run.status().updated(epoch=14, epochs=20))
    summary = summarise(run)
    assert (summary.validation, summary.val_loss) == ((10, 1.0), None)
    printed = summary.as_json()
    assert (printed["val_loss"], printed["newest_val_loss"], printed["newest_val_epoch"]) == (None, 1.0, 10)
    with run.metrics_path.open("a") as file:
        file.write('{"kind":"epoch","epoch":15,"step":15,"time":1.0,"val_loss":0.5')  # half a line
    assert summarise(run).validation == (10, 1.0)
    write_epochs(run, [5, 10, 15], 15, steps_between)
    summary = summarise(run)
    assert (summary.validation, summary.val_loss) == ((15, 10 / 15), 10 / 15)


def test_a_damaged_validation_is_passed_over(make_run: MakeRun) -> None:
    run = make_run()
    write_epochs(run, [5], 9)
    with run.metrics_path.open("a") as file:
        file.write('{"kind":"epoch","epoch":9,"val_loss":"none"}\n"val_loss"\n{"val_loss":3}\n\n')
    assert summarise(run).validation == (5, 2.0)
