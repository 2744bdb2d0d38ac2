"""One trainer has a run at a time, and programs of every version agree on who."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import RunError
from core.runs.lock import RunLock
from core.runs.metrics.log import MetricsLog
from core.runs.run import Run
from core.runs.status import State, Status
from core.trash import discard

MakeRun = Callable[..., Run]


def test_a_run_is_locked_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path):
        with pytest.raises(BlockingIOError):
            MetricsLog(path)
        with pytest.raises(BlockingIOError):
            RunLock(path)
    with RunLock(path), pytest.raises(BlockingIOError):
        MetricsLog(path)
    MetricsLog(path).close()


def test_locking_makes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with pytest.raises(FileNotFoundError):
        RunLock(path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"{}\n")
    before = path.stat()
    with RunLock(path):
        pass
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (b"{}\n", before.st_mtime_ns)


def test_a_program_of_an_earlier_version_and_this_one_exclude_each_other(make_run: MakeRun) -> None:
    run = make_run()
    run.open_metrics().close()
    earlier = os.open(run.metrics_path, os.O_RDWR | os.O_APPEND)  # it locks the file that it appends to
    try:
        fcntl.flock(earlier, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(RunError, match="is being trained"):
            run.open_metrics()
        with pytest.raises(RunError, match="is being trained"):
            discard(run)
        fcntl.flock(earlier, fcntl.LOCK_UN)
        with run.open_metrics(), pytest.raises(BlockingIOError):
            fcntl.flock(earlier, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with run.lock(), pytest.raises(BlockingIOError):
            fcntl.flock(earlier, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(earlier)


def test_a_second_trainer_is_told_who_has_the_run(make_run: MakeRun) -> None:
    run = make_run()
    run.write_status(Status(state=State.RUNNING, pid=os.getpid(), host="there"))
    with run.open_metrics(), pytest.raises(RunError, match=f"trained by process {os.getpid()} on there"):
        run.open_metrics()


def test_a_run_can_be_deleted_but_not_under_its_trainer(make_run: MakeRun) -> None:
    run = make_run()
    with run.open_metrics(), pytest.raises(RunError, match="is being trained"):
        discard(run)
    assert run.config()
    discard(run)
    assert not run.path.exists()


def test_deleting_a_run_that_no_trainer_had_makes_no_metrics_file(make_run: MakeRun) -> None:
    deleted = discard(make_run())
    assert sorted(path.name for path in deleted.path.iterdir()) == ["config.json", "status.json"]
