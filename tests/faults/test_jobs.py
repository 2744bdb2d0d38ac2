"""A shell inside of a cluster's job has variables of that job: runs train as in any other shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State
from tests.support.hostile import VAE_TUI
from tests.support.trainers import free_port

MakeRun = Callable[..., Run]

BRIEF = ["--preset", "ae", "--epochs", "1", "--batch-size", "2000", "--device", "cpu", "--dataset", "mnist-5k"]


def of_a_job(rank: int) -> dict[str, str]:
    """What a process of a job of two has, the other of which never comes."""
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "TORCHELASTIC_RUN_ID": "theirs"}
    return {**os.environ, **place, "GROUP_RANK": "0", "PET_NNODES": "2", "PET_RDZV_ENDPOINT": "127.0.0.1:1"}


@pytest.mark.timeout(300)  # as long as its commands may take
@pytest.mark.parametrize("rank", [0, 1])
def test_commands_train_in_a_shell_of_another_job(rank: int, runs_dir: Path) -> None:
    for name, words in {
        "a-run": ["train", *BRIEF, "--name", "a-run"],
        "sweep": ["sweep", *BRIEF, "--seed", "0"],
        "two": ["train", *BRIEF, "--name", "two", "--processes", "2"],
    }.items():
        command = [VAE_TUI, *words, "--runs-dir", str(runs_dir)]
        done = subprocess.run(command, env=of_a_job(rank), capture_output=True, text=True, timeout=100)
        run = Run(runs_dir / name)
        assert (done.returncode, run.state()) == (0, State.FINISHED), done.stderr + run.log_path.read_text()
    assert "2 processes" in run.status().device_name


@pytest.mark.parametrize("rank", [0, 1])
def test_a_trainer_that_is_started_by_hand_in_a_shell_of_another_job_trains(rank: int, make_run: MakeRun) -> None:
    one, other = (make_run(name, preset="ae", epochs=1, batch_size=2000) for name in ("one", "other"))
    for runs in ([one], [one, other]):
        words = [*launch.command(one, one.config()), *(str(run.path) for run in runs[1:]), "--epochs", str(len(runs))]
        subprocess.run(words, env=of_a_job(rank), check=True, timeout=100)
    assert [run.state() for run in (one, other)] == [State.FINISHED] * 2


def test_torchrun_trains_what_was_made_for_as_many_and_refuses_another_number(make_run: MakeRun) -> None:
    run = make_run("wide", preset="ae", epochs=1, batch_size=2000, processes=2)

    def torchrun(count: int) -> subprocess.CompletedProcess[str]:
        words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]  # by a port it keeps
        words += ["-m", "core.worker", str(run.path)]
        environment = os.environ | {"PYTHONSAFEPATH": "1"}
        return subprocess.run(
            [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=100, check=False
        )

    refused = torchrun(3)
    assert refused.returncode != 0
    assert "refused: processes must be 2, as the run was made for, not 3" in refused.stdout
    assert run.state() is State.CREATED
    done = torchrun(2)
    assert (done.returncode, run.state()) == (0, State.FINISHED), done.stderr
    assert "2 processes" in run.status().device_name
    words = [VAE_TUI, "resume", "wide", "--epochs", "2", "--processes", "1", "--runs-dir", str(run.path.parent)]
    subprocess.run(words, check=True, capture_output=True, timeout=100)
    assert (run.state(), run.status().epoch) == (State.FINISHED, 2)
    assert "trained by 1 instead of 2 processes" in run.status().device_name


def test_a_resume_with_a_device_that_is_not_here_is_refused_before_a_trainer_starts(
    make_run: MakeRun, runs_dir: Path
) -> None:
    run = make_run("a-run", preset="ae", device="cuda:99")
    words = [VAE_TUI, "resume", "a-run", "--runs-dir", str(runs_dir)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "device must be one that this machine has" in done.stderr
    assert not run.log_path.exists()


@pytest.mark.timeout(300)
def test_a_time_limit_ends_a_training_with_a_status_that_scripts_can_tell(runs_dir: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        given = [VAE_TUI, *words, "--runs-dir", str(runs_dir)]
        return subprocess.run(given, capture_output=True, text=True, timeout=100, check=False)

    run, long = Run(runs_dir / "a-run"), [*BRIEF, "--epochs", "1000", "--name", "a-run"]
    for words in (["--time-limit", "4"], ["--time-limit", "4h", "--queue"], ["--time-limit", "4h", "--create-only"]):
        refused = command("train", *long, *words)
        assert (refused.returncode, refused.stderr.count("\n"), run.path.exists()) == (2, 1, False), refused.stderr
    limits = iter((8, 15, 30, 59))  # seconds: a machine may need several to load PyTorch
    seconds = next(limits)
    for words in (["train", *long], ["resume", "a-run"], ["fork", "a-run"]):
        step = run.status().step if run.path.exists() else 0
        run = Run(runs_dir / "a-run-fork") if words[0] == "fork" else run
        while True:
            done = command(*words, "--time-limit", f"0:00:{seconds:02}")
            assert (done.returncode, run.state()) == (124, State.STOPPED), done.stderr
            assert f"as its time limit of {seconds} s is reached; go on: vae-tui resume" in done.stdout
            if run.status().step > step:
                break
            words, seconds = ["resume", run.name], next(limits)


def test_a_sweep_that_is_stopped_as_a_whole_begins_no_other_run(
    runs_dir: Path, wait_until: Callable[..., None]
) -> None:
    runs = ["--runs-dir", str(runs_dir)]
    sweep = [VAE_TUI, "sweep", *BRIEF, "--epochs", "5000", "--seed", "0-2", "--name", "try", *runs]
    process = subprocess.Popen(sweep, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = Run(runs_dir / "try-seed0")
    wait_until(lambda: first.path.exists() and first.status().begun, what="the first run")
    stopped = subprocess.run([VAE_TUI, "sweeps", "try", "--stop", *runs], capture_output=True, text=True, check=True)
    assert stopped.stdout == "1 run asked to save and stop, 0 runs taken out of the queue\n"
    said = process.communicate(timeout=60)
    assert (process.returncode, said[1]) == (1, "vae-tui: stopped; the same command goes on where it was\n")
    assert [path.name for path in runs_dir.iterdir()] == ["try-seed0"]
    assert (first.state(), first.status().reason) == (State.STOPPED, "its sweep was stopped")
