"""Runs that a scheduler starts: they wait, are trained in a job, and go on in its next turn where its time is over."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import ConfigError, RunError
from core.jobs.cluster import slurm
from core.jobs.cluster.job import TrainRun
from core.jobs.cluster.place import job_here
from core.runs.keeping.queued import read_entry, remove_entry
from core.runs.run import Run
from core.runs.status import State
from tests.support import run_files, trainers
from tests.support.hostile import VAE_TUI
from tests.support.slurm import StandIn

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
needs_submitit = pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="submitit is not installed")


def test_options_of_sbatch_are_given_in_its_words() -> None:
    words = ["partition=gpu", "--gpus-per-node=1", "time=240", "qos="]
    assert slurm.parse_options(words) == {"partition": "gpu", "gpus_per_node": 1, "time": 240, "qos": ""}


@pytest.mark.parametrize("word", ["partition", "=gpu", "a b=1", "nodes=2", "signal_delay_s=1", "setup=rm"])
def test_what_is_no_option_or_is_ours_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="--slurm must be an option of sbatch"):
        slurm.parse_options([word])


def test_without_submitit_a_line_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", "")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match="launcher slurm needs submitit: pip install submitit"):
        slurm.slurm_executor(tmp_path, {})


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "12"}, "Slurm job 12"),
        ({"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "2"}, "Slurm job 12_2"),
    ],
)
def test_a_trainer_knows_its_job(environment: dict[str, str], job: str | None) -> None:
    assert job_here(environment) == job


def test_what_a_job_is_given_is_a_path_and_no_process(tmp_path: Path) -> None:
    given = TrainRun(tmp_path, None)
    given._trainer = subprocess.Popen(["true"])
    given._trainer.wait()
    loaded = pickle.loads(pickle.dumps(given))
    assert (loaded.path, loaded.data_dir, loaded._trainer) == (tmp_path, None, None)


class Refusing:
    """An executor of a cluster that takes no job."""

    def update_parameters(self, **_: object) -> None: ...

    def submit(self, _: object) -> None:
        raise subprocess.CalledProcessError(1, "sbatch")


def test_a_run_that_is_refused_by_the_cluster_waits_no_more(make_run: MakeRun) -> None:
    run = make_run()
    slurm.enter(run)
    assert run.state() is State.QUEUED
    with pytest.raises(RunError, match="a-run cannot be submitted: Command 'sbatch' returned"):
        list(slurm.submit([run], Refusing(), lambda run: None))
    assert run.state() is State.CREATED


# With a stand-in for Slurm


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    made = StandIn(tmp_path / "slurm")
    for name, value in (made.environment | {"OMP_NUM_THREADS": "1", "SUBMITIT_PREEMPT_SIGNAL": ""}).items():
        monkeypatch.setenv(name, value)
    yield made
    made.end()


def submit(run: Run, data_dir: Path) -> str:
    slurm.enter(run)
    executor = slurm.slurm_executor(run.path.parent, {"time": 60})
    ((_, number),) = slurm.submit([run], executor, lambda run: data_dir)
    return number


@needs_submitit
@pytest.mark.slow
def test_a_job_whose_time_is_over_saves_its_run_and_goes_on_in_its_next_turn_to_the_same_bits(
    make_small_run: MakeRun, few_digits: Path, cluster: StandIn, wait_until: WaitUntil
) -> None:
    undisturbed, run = (make_small_run(name, preset="vae", epochs=80) for name in ("undisturbed", "a-run"))
    other = trainers.begin(undisturbed)
    assert submit(run, few_digits) == "1"
    assert "#SBATCH --signal=USR1@120" in cluster.script(1)
    wait_until(lambda: run.status().step > 5, what="the first steps")
    assert (run.status().job, run.state()) == ("Slurm job 1", State.RUNNING)
    cluster.send(1, signal.SIGUSR1)
    wait_until(lambda: run.last_log_line("stopped"), what="the stop")
    wait_until(lambda: len(cluster.begun()) == 2, what="the next turn")
    assert run.state() in (State.QUEUED, State.RUNNING)
    wait_until(lambda: run.state() is State.FINISHED, 100, "the goal")
    other.join(60)
    assert cluster.begun() == [1, 1]
    assert read_entry(run.path) is None
    run_files.assert_same_training(run, undisturbed)


@needs_submitit
@pytest.mark.slow
def test_a_job_that_is_cancelled_leaves_its_run_saved_and_is_not_queued_anew(
    make_small_run: MakeRun, few_digits: Path, cluster: StandIn, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=100_000)
    submit(run, few_digits)
    wait_until(lambda: run.status().step > 5, what="the first steps")
    cluster.send(1, signal.SIGTERM)
    wait_until(lambda: run.state() is State.STOPPED, what="the stop")
    assert run.status().step == run_files.saved_step(run)
    wait_until(lambda: cluster.ended(1), what="the end of the job")
    assert cluster.begun() == [1]


@needs_submitit
@pytest.mark.slow
def test_a_sweep_is_submitted_once_and_a_member_that_waits_no_more_is_not_trained(
    runs_dir: Path, few_digits: Path, cluster: StandIn, wait_until: WaitUntil
) -> None:
    cluster.hold()

    def command(*words: str) -> str:
        given = [VAE_TUI, *words, "--runs-dir", str(runs_dir)]
        return subprocess.run(given, env=os.environ, capture_output=True, text=True, check=True, timeout=60).stdout

    brief = ["--preset", "ae", "--epochs", "1", "--seed", "0-1", "--dataset", "kmnist", "--data-dir", str(few_digits)]
    words = ["sweep", "--launcher", "slurm", "--slurm", "partition=gpu", *brief]
    assert command(*words).splitlines()[:2] == ["sweep-seed0 is Slurm job 1", "sweep-seed1 is Slurm job 2"]
    assert "#SBATCH --partition=gpu" in cluster.script(1)
    shown = json.loads(command("runs", "--json"))
    assert {(each["name"], each["state"], each["queue_host"]) for each in shown} == {
        ("sweep-seed0", "queued", "Slurm job 1"),
        ("sweep-seed1", "queued", "Slurm job 2"),
    }
    assert "0 of 2 runs submitted" in command(*words)

    first, second = Run(runs_dir / "sweep-seed0"), Run(runs_dir / "sweep-seed1")
    remove_entry(first.path)  # as `vae-tui queue --cancel` does
    for number in (1, 2):
        cluster.begin(number)
    wait_until(lambda: second.state() is State.FINISHED, what="the end of the second")
    wait_until(lambda: cluster.ended(1), what="the end of the first job")
    assert (first.state(), second.status().job) == (State.CREATED, "Slurm job 2")
    assert "not begun: it waits in the queue no more" in first.log_path.read_text()


# With submitit's own executor for one machine


@needs_submitit
@pytest.mark.slow
def test_a_run_trains_in_a_job_on_this_machine(
    make_small_run: MakeRun, few_digits: Path, cluster: StandIn, tmp_path: Path
) -> None:
    run = make_small_run(epochs=2)
    slurm.enter(run)
    slurm.slurm_executor(tmp_path, {})  # before submitit is imported elsewhere
    import submitit

    executor = submitit.LocalExecutor(tmp_path / "jobs")
    executor.update_parameters(timeout_min=2)
    job = executor.submit(TrainRun(run.path, few_digits))
    assert job.result() == "finished"
    gone = executor.submit(TrainRun(run.path.parent / "gone", few_digits))
    assert "FileNotFoundError" in str(gone.exception())
