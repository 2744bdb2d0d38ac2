"""22, 23: Ends between the start of a trainer and its first word: whoever started it ends it, and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.errors import RunError
from core.jobs import launch, sweep
from core.runs.run import Run
from core.runs.status import State
from tests.support.hostile import VAE_TUI

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

SLOW = """
import sys, time
if "core.worker" in sys.orig_argv:
    time.sleep(60)
"""
BRIEF = ["--preset", "ae", "--epochs", "1000", "--batch-size", "500", "--device", "cpu"]
COMMANDS = {
    "train": ["train", *BRIEF, "--name", "a-run"],
    "train --detach": ["train", *BRIEF, "--name", "a-run", "--detach"],
    "train --processes": ["train", *BRIEF, "--name", "a-run", "--processes", "2"],
    "resume": ["resume", "a-run"],
    "sweep": ["sweep", *BRIEF, "--seed", "0-1", "--name", "a-run"],
}


@pytest.fixture
def slow_trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every trainer takes a minute before it runs a line of ours."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SLOW)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"))


def trainers(runs_dir: Path) -> list[psutil.Process]:
    """The processes that train runs of this folder, or are about to."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith(f"{runs_dir}/") for word in process.info["cmdline"] or [])
        and "core.worker" in process.info["cmdline"]
        and process.status() != psutil.STATUS_ZOMBIE
    ]


def start(runs_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    words = [VAE_TUI, *arguments, "--runs-dir", str(runs_dir)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl+c", "SIGTERM"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_stopped_before_its_trainer_begins_leaves_none(
    slow_trainers: None,
    runs_dir: Path,
    make_run: MakeRun,
    wait_until: WaitUntil,
    command: str,
    number: signal.Signals,
) -> None:
    if command == "resume":
        make_run("a-run", preset="ae")
    process = start(runs_dir, *COMMANDS[command])
    wait_until(lambda: trainers(runs_dir), what="the trainer")
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert (trainers(runs_dir), process.returncode) == ([], 1 if command == "sweep" else 130), said
    assert b"Traceback" not in said
    (run,) = (Run(path) for path in runs_dir.iterdir())
    assert run.state() is State.CREATED
    if command != "sweep":
        assert b"a-run was stopped before it began to train; go on: vae-tui resume a-run" in said


def test_a_sweep_that_is_stopped_within_its_first_look_leaves_no_trainer(runs_dir: Path, wait_until: WaitUntil) -> None:
    process = start(runs_dir, *COMMANDS["sweep"])
    wait_until(lambda: trainers(runs_dir), what="the trainer")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (trainers(runs_dir), process.returncode) == ([], 1), said
    assert [path.name for path in runs_dir.iterdir()] == ["a-run-seed0"], "the second one was not started"


def test_two_stops_at_once_leave_a_trainer_that_was_asked_to_stop(runs_dir: Path, wait_until: WaitUntil) -> None:
    process = start(runs_dir, *COMMANDS["train"])
    run = Run(runs_dir / "a-run")
    wait_until(lambda: (run.path / "status.json").exists() and run.status().pid, what="the trainer's first word")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said.endswith(b"left a-run to itself; it was asked to save and stop\n")
    wait_until(lambda: run.state() is State.STOPPED, what="the stop")


def test_a_trainer_that_does_not_report_in_time_is_ended_by_whoever_started_it(
    slow_trainers: None, make_run: MakeRun, runs_dir: Path
) -> None:
    for processes in (1, 2):
        run = make_run(f"run-{processes}", preset="ae", processes=processes)
        trainer = launch.start(run)
        with pytest.raises(RunError, match=f"the trainer of run-{processes} did not start: no word"):
            trainer.wait_until_started(seconds=5.0 * (processes - 1))
        assert trainers(runs_dir) == []


def test_the_last_word_of_an_earlier_trainer_with_the_same_pid_is_not_taken_for_that_of_the_new_one(
    slow_trainers: None, make_run: MakeRun, runs_dir: Path
) -> None:
    run = make_run("run", preset="ae")
    run.log_path.write_text("finished: by an earlier one\n")
    trainer = launch.start(run)
    run.write_status(run.status().updated(state=State.RUNNING, pid=trainer.pid, begun=True))
    with pytest.raises(RunError, match="the trainer of run did not start: no word"):
        trainer.wait_until_started(seconds=0.1)
    assert trainers(runs_dir) == [], "and it is ended"
    run.write_status(run.status().updated(heartbeat=run.status().heartbeat + 1))
    assert trainer.has_begun


def test_a_sweep_ends_a_member_that_does_not_report_in_time_and_goes_on(
    slow_trainers: None, runs_dir: Path, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "START_SECONDS", 0.5)
    fixed = {"dataset": "mnist-5k", "device": "cpu", "preset": "ae"}
    runs = sweep.Sweep(sweep.plan(runs_dir, "try", {"seed": ["0", "1"]}, fixed), ["cpu"], threads=1)

    def done() -> bool:
        runs.advance()
        return not runs.active

    wait_until(done, what="the end of the sweep")
    assert list(runs.failures.values()) == [f"the trainer of try-seed{seed} did not start: no word" for seed in (0, 1)]
    assert trainers(runs_dir) == []


def test_a_stopped_trainer_that_hears_no_signal_is_killed(
    slow_trainers: None, make_run: MakeRun, runs_dir: Path, wait_until: WaitUntil
) -> None:
    trainer = launch.start(make_run(preset="ae"))
    os.kill(trainer.pid, signal.SIGSTOP)
    with pytest.raises(launch.NotBegun, match="a-run was stopped before it began to train"):
        trainer.wait_until_started(told_to_stop=lambda: True)
    wait_until(lambda: trainer.ended, seconds=5)
    assert trainers(runs_dir) == []


def test_a_command_says_how_many_runs_train_on_this_machine_already(
    make_run: MakeRun, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = launch.training_here()
    for name, processes in (("one", 1), ("two", 2)):
        launch.start(make_run(name, preset="ae", epochs=1000, processes=processes)).wait_until_started(60)
    assert launch.training_here() - before >= 2
    done = subprocess.run(
        [VAE_TUI, "train", *BRIEF, "--name", "third", "--detach", "--runs-dir", str(runs_dir)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert "runs train on this machine already\n" in done.stdout, done.stderr
    for process in trainers(runs_dir):
        process.kill()
