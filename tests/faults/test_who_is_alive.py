"""Who has a run is told by its folder: copies, containers, hidden processes, and file systems without locks."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from core.errors import RunError
from core.jobs import launch
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from tests.support import machines, run_files, trainers
from tests.support.machines import ROOT, call

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

TRAINER = [sys.executable, "-P", "-m", "core.worker"]


@pytest.fixture
def live(make_small_run: MakeRun, wait_until: WaitUntil) -> Iterator[Run]:
    """A run that a process of this machine trains."""
    run = make_small_run(epochs=100_000, validate_every=1000)
    process = trainers.begin(run)
    wait_until(lambda: run.status().saved_step, what="the first save")
    yield run
    process.kill()
    process.join(10)


def test_5_the_copy_of_a_live_run_is_lost_and_can_be_resumed_beside_it(
    live: Run, tmp_path: Path, wait_until: WaitUntil
) -> None:
    folder = tmp_path / "copies"
    shutil.copytree(live.path, folder / "copy")
    copy = Run(folder / "copy")
    assert (copy.state(), live.state()) == (State.LOST, State.RUNNING)
    said = call("control", "copy", "stop", "--runs-dir", str(folder))
    assert (said.returncode, said.stderr) == (2, "vae-tui: copy is lost, so there is no trainer to stop\n")
    launch.prepare_resume(copy)
    process = trainers.begin(copy)
    trainers.wait_until_at_work(copy, process)
    assert (copy.state(), live.state()) == (State.RUNNING, State.RUNNING)
    launch.send_request(copy, "stop")
    wait_until(lambda: copy.state() is State.STOPPED)
    assert live.state() is State.RUNNING


@pytest.mark.timeout(180)
def test_6_a_run_in_another_pid_namespace_of_the_same_host_name_is_running_and_takes_requests(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000)
    command = machines.in_another_pid_namespace([*TRAINER, str(run.path)])
    container = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: run.status().saved_step, what="the first save")
        assert run.status().pid == 1
        assert run.state() is State.RUNNING
        with pytest.raises(RunError, match="is running in process 1"):
            launch.resume(run)
        for action, state in (("pause", State.PAUSED), ("resume", State.RUNNING), ("stop", State.STOPPED)):
            assert call("control", run.name, action, "--runs-dir", str(run.path.parent)).returncode == 0
            wait_until(lambda: run.state() is state)  # noqa: B023
        assert container.wait(30) == 0
    finally:
        container.kill()
        container.wait()


@pytest.mark.timeout(180)
def test_6_a_run_of_the_host_is_running_as_seen_from_a_container(live: Run, wait_until: WaitUntil) -> None:
    folder = str(live.path.parent)
    seen = call("runs", "--runs-dir", folder, through=machines.in_another_pid_namespace)
    assert "running" in seen.stdout
    asked = call("control", live.name, "stop", "--runs-dir", folder, through=machines.in_another_pid_namespace)
    assert asked.returncode == 0, asked.stderr
    wait_until(lambda: live.state() is State.STOPPED)


def test_6_a_run_of_a_user_whose_processes_are_hidden_is_running(few_digits: Path, wait_until: WaitUntil) -> None:
    values = trainers.SMALL | {"data_dir": str(few_digits), "epochs": 100_000, "validate_every": 1000, "preset": "ae"}
    with machines.public_folder() as folder:
        run = Run.create(folder, "a-run", make_config(**values), share="all")
        process = trainers.begin(run)
        wait_until(lambda: run.status().saved_step, what="the first save")
        seen = call("runs", "--runs-dir", str(folder), through=partial(machines.as_another_user, hide_processes=True))
        assert "running" in seen.stdout, seen
        process.kill()
        process.join(10)


def test_6_a_killed_run_is_lost_at_once_though_its_number_may_be_taken(live: Run, wait_until: WaitUntil) -> None:
    os.kill(live.status().pid or 0, signal.SIGKILL)
    wait_until(lambda: live.state() is State.LOST, 5)
    live.write_status(live.status().updated(pid=os.getpid(), process_started=None))
    assert live.state() is State.LOST


@pytest.mark.parametrize("damage", [b"", b'{"state": "runn', None, b"\0" * 400, b"[]"])
def test_7_a_run_goes_on_from_its_state_whatever_became_of_its_status(
    damage: bytes | None, make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    run, undisturbed = make_small_run("damaged"), make_small_run("alone")
    trainers.finish(undisturbed)
    process = trainers.begin(run)
    wait_until(lambda: run.status().saved_step, what="the first save")
    trainers.send_signal(process, signal.SIGTERM)
    process.join(30)
    assert run.state() is State.STOPPED
    status = run.path / "status.json"
    status.unlink() if damage is None else status.write_bytes(damage)

    launch.prepare_resume(run)
    trainers.finish(run)
    assert run.status().error is None
    run_files.assert_same_end(run, undisturbed)


def test_7_a_damaged_status_under_a_live_trainer_lets_no_second_one_begin(live: Run, wait_until: WaitUntil) -> None:
    os.kill(live.status().pid or 0, signal.SIGSTOP)
    pid = live.status().pid or 0
    try:
        (live.path / "status.json").write_bytes(b"")
        with pytest.raises(RunError, match="is being trained by another process"):
            launch.resume(live)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: live.last_status().pid == pid, what="the next heartbeat")


def test_7_what_was_trained_is_not_begun_again_where_the_state_is_gone_too(make_small_run: MakeRun) -> None:
    run = make_small_run(epochs=1)
    trainers.finish(run)
    (run.path / "status.json").write_bytes(b"")
    run.state_path.unlink()
    with pytest.raises(Exception, match=r"status\.json"):
        launch.resume(run)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("refusal", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_8_where_nothing_can_be_locked_the_heartbeat_guards_a_run(
    refusal: int, make_small_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000)
    monkeypatch.setenv("LD_PRELOAD", str(machines.failing_library(tmp_path)))
    monkeypatch.setenv("FAIL", "flock")
    monkeypatch.setenv("FAIL_ERRNO", str(refusal))
    folder = str(run.path.parent)
    said = call("resume", run.name, "--detach", "--runs-dir", folder)
    assert said.returncode == 0, said.stderr
    unguarded = f"{run.name}: files cannot be locked there: nothing but its heartbeat guards it"
    assert said.stderr == f"vae-tui: {unguarded}\n"
    wait_until(lambda: run.status().saved_step, what="the first save")
    assert run.log_path.read_text().count("nothing but its heartbeat guards it") == 1
    assert run.status().locked is False

    second = subprocess.run([*TRAINER, str(run.path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (second.returncode, "is being trained by process" in second.stdout) == (3, True), second
    refused = call("resume", run.name, "--runs-dir", folder)
    assert (refused.returncode, "is running in process" in refused.stderr) == (2, True), refused
    assert run.status().locked is False

    os.kill(run.status().pid or 0, signal.SIGKILL)
    wait_until(lambda: run.state() is State.LOST, 5)
    assert call("resume", run.name, "--detach", "--runs-dir", folder).returncode == 0
    assert call("control", run.name, "stop", "--runs-dir", folder).returncode == 0
    wait_until(lambda: run.state() is State.STOPPED)
    program = (
        "import sys; from core import trash; from core.runs.run import Run; from pathlib import Path;"
        "trash.discard(Run(Path(sys.argv[1])))"
    )
    subprocess.run([sys.executable, "-c", program, str(run.path)], cwd=ROOT, check=True)
    assert not run.path.exists()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("file", [".json", "status.json"])
@pytest.mark.parametrize("failure", [errno.ESTALE, errno.EIO, errno.ETIMEDOUT])
def test_9_a_file_that_a_server_cannot_give_for_a_while_ends_no_training(
    file: str, failure: int, make_small_run: MakeRun, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil,
) -> None:  # fmt: skip
    run = make_small_run(epochs=100_000, validate_every=1000)
    away = tmp_path / "away"
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(machines.failing_library(tmp_path)))
        patch.setenv("FAIL", file)
        patch.setenv("FAIL_ERRNO", str(failure))
        patch.setenv("FAIL_WHILE", str(away))
        trainer = launch.start(run)
    wait_until(lambda: run.status().saved_step, what="the first save")
    away.touch()
    step = run.status().step
    wait_until(lambda: trainer.ended or run.status().step > step + 100, what="steps without the file")
    step = run.status().step
    launch.send_request(run, "pause")
    if file == ".json":
        wait_until(lambda: trainer.ended or run.status().step > step + 100, what="steps without an answer")
        away.unlink()
    wait_until(lambda: trainer.ended or run.state() is State.PAUSED, what="the pause")
    assert not trainer.ended, run.log_path.read_text()
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED)
