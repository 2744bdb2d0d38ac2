"""Whether a run is trained: the folder itself tells, its lock and its heartbeat, more than a pid and a host name."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Unpack

import pytest

from core.errors import RunError
from core.jobs import launch
from core.runs.lock import is_locked
from core.runs.run import Run
from core.runs.status import (
    LOST_AFTER_SECONDS,
    State,
    Status,
    StatusChanges,
    boot_id,
    pid_namespace,
    process_started,
    uptime,
)
from core.trash import discard

MakeRun = Callable[..., Run]
NOBODY = 2**22 - 1


def of_this_process(run: Run, **changes: Unpack[StatusChanges]) -> Status:
    """The status of a trainer that is this process, with some changes."""
    mine = Status(
        state=State.RUNNING,
        pid=os.getpid(),
        process_started=process_started(os.getpid()),
        host=socket.gethostname(),
        boot=boot_id(),
        pid_namespace=pid_namespace(),
        folder=run.path.stat().st_ino,
        locked=True,
        heartbeat=time.time(),
        uptime=uptime(),
    )
    return mine.updated(**changes)


def of_an_earlier_version(run: Run, **changes: Unpack[StatusChanges]) -> Status:
    return of_this_process(run, boot=None, pid_namespace=None, folder=None, locked=None).updated(**changes)


def write(run: Run, status: Status) -> State:
    run.metrics_path.touch()
    run.write_status(status)
    return run.state()


@contextmanager
def no_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a file system that has none."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        yield


@pytest.mark.parametrize(
    "strange",
    [
        {"pid": NOBODY},
        {"pid_namespace": 1},
        {"process_started": 1.0},
        {"process_started": None},
        {"heartbeat": 0.0},
        {"heartbeat": 1e11},
        {"uptime": 0.0},
        {"boot": "another"},
        {"host": "another"},
    ],
)
def test_whoever_holds_the_lock_of_this_folder_lives_whatever_else_seems_so(
    make_run: MakeRun, strange: StatusChanges
) -> None:
    run = make_run()
    with run.open_metrics():
        assert write(run, of_this_process(run, **strange)) is State.RUNNING
        assert write(run, of_an_earlier_version(run).updated(**strange)) is State.RUNNING
        launch.send_request(run, "pause")
        with pytest.raises(RunError, match="is running"):
            launch.resume(run)


def test_a_trainer_that_let_go_of_the_lock_is_lost_though_its_number_lives_on(make_run: MakeRun) -> None:
    run = make_run()
    assert write(run, of_this_process(run)) is State.LOST  # a process that was given the number after a reboot, say


def test_a_copy_of_a_live_run_is_lost_and_cannot_be_stopped(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    with run.open_metrics():
        run.write_status(of_this_process(run))
        copies = [Run(Path(shutil.copytree(run.path, tmp_path / name, copy_function=copy)))
                  for name, copy in (("copy", shutil.copy2), ("links", os.link))]  # fmt: skip
        for copy in copies:  # the second one has the very file that is locked
            assert copy.state() is State.LOST
            with pytest.raises(RunError, match="is lost, so there is no trainer to stop"):
                launch.send_request(copy, "stop")
        moved = Run(run.path.rename(tmp_path / "moved"))
        assert moved.state() is State.RUNNING


def test_on_another_machine_the_heartbeat_tells(make_run: MakeRun) -> None:
    run = make_run()
    elsewhere = of_this_process(run, boot="another", pid=NOBODY)
    assert write(run, elsewhere) is State.RUNNING
    with pytest.raises(RunError, match="is being trained by process"):
        run.open_metrics()  # which locks nothing there, where each machine has locks of its own
    assert write(run, elsewhere.updated(heartbeat=time.time() - LOST_AFTER_SECONDS - 1)) is State.LOST
    run.open_metrics().close()


def test_a_run_that_is_written_from_another_machine_is_not_resumed_whatever_its_folder_is_numbered_here(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runs.lock.WATCH_SECONDS", 1.0)
    run = make_run()
    elsewhere = of_this_process(run, boot="another", folder=1)
    assert write(run, elsewhere) is State.LOST
    launch.prepare_resume(run)  # a copy

    beat = Timer(0.3, lambda: run.write_status(elsewhere.updated(heartbeat=time.time())))
    beat.start()
    with pytest.raises(RunError, match="is running in process"):
        launch.resume(run)
    beat.join()


def test_a_machine_that_started_since_the_last_heartbeat_has_no_such_trainer(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    before = of_this_process(run, boot="before", heartbeat=time.time() - 30)
    assert write(run, before) is State.RUNNING
    monkeypatch.setattr("core.runs.lock.uptime", lambda: 20.0)
    assert write(run, before) is State.LOST
    assert write(run, before.updated(host="another")) is State.RUNNING


def test_without_locks_the_heartbeat_tells_and_no_clock_that_was_set(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    with no_locks(monkeypatch):
        mine = of_this_process(run, locked=False)
        assert write(run, mine.updated(heartbeat=time.time() - 86400)) is State.RUNNING
        contained = mine.updated(pid=NOBODY, pid_namespace=1)
        assert write(run, contained) is State.RUNNING
        with pytest.raises(RunError, match="is being trained by process"):
            run.open_metrics()
        with pytest.raises(RunError, match="is being trained by process"):
            discard(run)
        assert write(run, contained.updated(uptime=uptime() - LOST_AFTER_SECONDS - 1)) is State.LOST
        assert write(run, mine.updated(uptime=uptime() - 10 * LOST_AFTER_SECONDS)) is State.RUNNING  # a long step
        assert write(run, mine.updated(pid=NOBODY)) is State.LOST
        run.open_metrics().close()
        discard(run)


def test_of_a_run_of_an_earlier_version_its_process_tells(make_run: MakeRun) -> None:
    run = make_run()
    old = of_an_earlier_version(run)
    assert write(run, old) is State.RUNNING
    assert write(run, old.updated(heartbeat=time.time() - 86400, uptime=0.0)) is State.RUNNING
    assert write(run, old.updated(pid=NOBODY)) is State.LOST
    assert write(run, old.updated(process_started=1.0)) is State.LOST
    elsewhere = old.updated(host="another-host", pid=NOBODY)
    assert write(run, elsewhere) is State.RUNNING
    assert write(run, elsewhere.updated(heartbeat=time.time() - LOST_AFTER_SECONDS - 1)) is State.LOST


def test_a_status_from_elsewhere_does_not_keep_a_run_though_a_process_of_its_number_lives(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    foreign = Status(state=State.RUNNING, pid=1, host=socket.gethostname())
    run.write_status(foreign)
    assert run.state() is State.LOST  # no trainer ever had it
    assert write(run, foreign.updated(heartbeat=time.time())) is State.LOST
    with no_locks(monkeypatch):
        assert write(run, foreign) is State.LOST
        assert write(run, foreign.updated(heartbeat=time.time())) is State.RUNNING
    with run.open_metrics():
        assert write(run, foreign) is State.RUNNING


def test_where_the_system_has_no_number_of_its_start_the_lock_tells_all_the_same(make_run: MakeRun) -> None:
    run = make_run()
    assert write(run, of_this_process(run, boot=None)) is State.LOST
    with run.open_metrics():
        assert write(run, of_this_process(run, boot=None, pid=NOBODY)) is State.RUNNING


def test_looking_whether_a_run_is_locked_neither_keeps_a_trainer_away_nor_seems_to_be_one(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    assert is_locked(run.metrics_path) is None
    run.open_metrics().close()
    assert is_locked(run.metrics_path) is False
    looking = os.open(run.metrics_path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert is_locked(run.metrics_path) is False
    monkeypatch.setattr("core.runs.lock.time.sleep", lambda seconds: os.close(looking))
    with run.open_metrics():  # it tries again
        assert is_locked(run.metrics_path) is True


def test_a_trainer_that_ends_while_somebody_looks_is_not_called_lost(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    write(run, of_this_process(run))

    def ends_meanwhile(metrics: Path) -> bool:
        run.write_status(Status(state=State.FINISHED))
        return False

    monkeypatch.setattr("core.runs.run.is_locked", ends_meanwhile)
    assert run.state() is State.FINISHED
