"""A trainer's status is checked when it is written, outlasts a full disk, and comes as often as the disk can bear."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from core.jobs.trainer.failures import log
from core.jobs.trainer.heartbeat import Heartbeat, TakenOver
from core.jobs.trainer.intervals import Intervals
from core.runs.run import Run
from core.runs.status import State

MakeRun = Callable[..., Run]


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    return make_run()


@pytest.fixture
def heartbeat(run: Run) -> Heartbeat:
    return Heartbeat(run, run.status(), Intervals(), log)


def test_a_heartbeat_writes_what_changed_and_when(run: Run, heartbeat: Heartbeat) -> None:
    heartbeat.note(state=State.RUNNING)
    assert run.status().state is State.CREATED
    assert heartbeat.beat(epoch=3)
    assert (run.status().state, run.status().epoch) == (State.RUNNING, 3)
    assert run.status().heartbeat > 0


def test_a_value_that_readers_would_refuse_is_refused_by_the_writer(run: Run, heartbeat: Heartbeat) -> None:
    before = run.status()
    with pytest.raises(ValidationError, match="epoch"):
        heartbeat.beat(epoch="nonsense")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="learning_rate"):
        heartbeat.beat(learning_rate=float("nan"))
    assert run.status() == before


def test_what_the_disk_refused_goes_out_with_the_next_heartbeat(
    run: Run, heartbeat: Heartbeat, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run.path / "status.json"
    status.unlink()
    status.mkdir()  # nothing can be renamed onto a folder
    assert not heartbeat.beat(epoch=1)
    assert not heartbeat.beat(step=7)
    assert capsys.readouterr().out.count("cannot write the status: Is a directory") == 1
    status.rmdir()
    assert heartbeat.beat()
    assert (run.status().epoch, run.status().step) == (1, 7)


def test_a_run_that_is_gone_ends_its_trainer(run: Run, heartbeat: Heartbeat) -> None:
    run.path.rename(run.path.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        heartbeat.beat()


@pytest.mark.parametrize(("seconds", "due"), [(60.0, False), (0.0, True)])
def test_a_heartbeat_is_due_once_its_interval_is_over(run: Run, seconds: float, due: bool) -> None:
    heartbeat = Heartbeat(run, run.status(), Intervals(heartbeat=seconds, heartbeat_share=0.0), log)
    heartbeat.beat()
    assert heartbeat.due == due


@pytest.mark.parametrize(("trained", "cost", "interval"), [(0, 0, 2), (50, 0, 5), (9999, 0, 15), (9999, 1, 50)])
def test_saves_become_rarer_and_take_a_small_part_of_the_time(trained: float, cost: float, interval: float) -> None:
    assert Intervals().save_interval(trained, cost) == interval


@pytest.mark.parametrize(("trained", "interval"), [(0, 10), (27, 10), (300, 100), (99_999, 500)])
def test_4_the_first_saves_come_in_time_whatever_they_cost(trained: float, interval: float) -> None:
    cost = 10  # seconds
    assert Intervals().save_interval(trained, cost) == interval


@pytest.mark.parametrize(("cost", "interval"), [(0, 1), (0.1, 5), (10, 20)])
def test_heartbeats_on_a_slow_disk_are_rarer_but_come_before_a_reader_gives_up(cost: float, interval: float) -> None:
    assert Intervals().heartbeat_interval(cost) == interval


def test_runs_that_wait_for_each_other_save_and_beat_more_rarely() -> None:
    intervals = Intervals().among(8)
    assert intervals.save_interval(9999, cost=1) == 8 * 50
    assert intervals.heartbeat_interval(cost=0.01) == 4


def test_8_of_two_trainers_that_no_lock_keeps_apart_the_earlier_one_leaves_the_status_to_the_other(
    run: Run, heartbeat: Heartbeat
) -> None:
    heartbeat.note(state=State.RUNNING, locked=False)
    assert heartbeat.beat()
    assert heartbeat.beat()
    other = run.status().updated(pid=2**22 - 1)
    run.write_status(other)
    with pytest.raises(TakenOver, match="is being trained by process 4194303"):
        heartbeat.beat()
    assert run.status() == other
    heartbeat.note(locked=True)  # whoever holds the lock knows better
    assert heartbeat.beat()


def test_9_a_run_that_cannot_be_looked_at_for_a_moment_is_not_gone(
    run: Run, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*ignored: object, **options: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.stat", fail)
        patch.setattr("core.files.os.open", fail)
        assert not heartbeat.beat()
    assert heartbeat.beat()


def test_5_a_trainer_whose_folder_was_replaced_by_a_copy_leaves_the_copy_alone(run: Run) -> None:
    with run.open_metrics() as metrics:
        heartbeat = Heartbeat(run, run.status(), Intervals(), log, metrics.is_replaced)
        heartbeat.note(state=State.RUNNING)
        assert heartbeat.beat()
        heartbeat.note(folder=1)  # as on file systems that number their folders anew
        assert heartbeat.beat()
        moved = run.path.rename(run.path.with_name("moved"))
        shutil.copytree(moved, run.path)
        before = run.status()
        with pytest.raises(TakenOver, match="is another folder by now"):
            heartbeat.beat()
        assert run.status() == before


def test_9_a_server_that_is_away_for_long_is_asked_seldom(
    run: Run, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_and_fail(status: object) -> None:
        time.sleep(0.1)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Run, "write_status", lambda run, status: wait_and_fail(status))
    assert not heartbeat.beat()
    time.sleep(1.1)
    assert not heartbeat.due
