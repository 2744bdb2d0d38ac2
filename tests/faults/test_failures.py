"""Trainings that diverge or run out of memory: the reason is said, and the last good weights stay."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from core.data import images
from core.errors import DamagedFile
from core.jobs import launch
from core.jobs.setup import Job
from core.jobs.trainer.failures import log
from core.jobs.trainer.orders import Signals
from core.jobs.worker import Worker
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.runs.status import State
from core.training import checkpoint
from core.training.trainer import Trainer
from tests.support import trainers
from tests.support.models import load_model

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

SHORT = {"preset": "ae", "epochs": 1, "batch_size": 1000}


def train_two_steps(run: Run) -> None:
    trainers.train(run, images.load_image_set("mnist-5k"), boundaries=2)


def make_explosive(run: Run) -> None:
    """Weights that are finite numbers still, whose loss is none."""
    state = checkpoint.load_state(run)
    assert state is not None
    model = {name: tensor * 1e30 if tensor.ndim == 4 else tensor for name, tensor in state.model.items()}
    checkpoint.save_state(run, state.model_copy(update={"model": model}))


def test_a_training_that_diverges_fails_and_leaves_the_last_good_weights(make_run: MakeRun) -> None:
    run = make_run(**SHORT)
    train_two_steps(run)
    make_explosive(run)
    weights, state = run.read_weights(), run.read_state()
    trainers.begin(run).join(60)
    assert run.state() is State.FAILED
    status = run.status()
    assert status.cause == "diverged"
    assert status.error and "no longer" in status.error and "at step 3" in status.error
    assert (run.read_weights(), run.read_state()) == (weights, state)
    load_model(run)


def test_a_training_whose_progress_no_status_can_tell_of_fails_by_word(
    make_small_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_small_run()
    monkeypatch.setattr(Trainer, "progress", lambda self: {"images_per_second": -1.0})
    with run.open_metrics() as metrics:
        turns = Worker(run, metrics, Job(), Signals(), log, None).work()
        with pytest.raises(StopIteration) as end:
            while True:
                next(turns)
    assert (end.value.value, run.status().state) == (1, State.FAILED)
    assert "validation error" in (run.status().error or "")


def test_a_run_goes_on_with_a_lower_learning_rate_and_keeps_it(make_run: MakeRun, wait_until: WaitUntil) -> None:
    run = make_run(**SHORT)
    train_two_steps(run)
    run.write_status(run.status().model_copy(update={"state": State.FAILED, "cause": "diverged", "epochs": 1}))
    launch.resume(run, learning_rate=2.5e-4)
    wait_until(lambda: run.state() is State.FINISHED, what="the end")
    assert run.status().learning_rate == 2.5e-4
    assert run.status().cause is None
    reader = MetricsReader(run.metrics_path)
    reader.poll()
    assert set(reader.steps["learning_rate"]) <= {1e-3, 2.5e-4}
    state = checkpoint.load_state(run)
    assert state is not None and state.learning_rate == 2.5e-4
    assert run.config().learning_rate == 1e-3


def test_a_run_whose_state_is_gone_is_not_begun_again(make_run: MakeRun) -> None:
    run = make_run(**SHORT)
    trainers.finish(run)
    weights, lines = run.read_weights(), run.metrics_path.read_bytes()
    run.state_path.unlink()
    missing = "state.pt: is missing: training cannot go on from step 4"
    with pytest.raises(DamagedFile, match=missing):
        launch.resume(run, epochs=3)
    trainers.begin(run, Job(epochs=3)).join(60)  # as whoever does not ask first
    assert run.status().error == missing
    assert (run.read_weights(), run.metrics_path.read_bytes()) == (weights, lines)


def test_a_training_that_runs_out_of_memory_says_what_needs_less(make_run: MakeRun, wait_until: WaitUntil) -> None:
    run = make_run(preset="ae", batch_size=4000)
    program = (
        "import resource, sys; from pathlib import Path; from core.jobs import launch; from core.runs.run import Run;"
        "resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30));"
        "launch.start(Run(Path(sys.argv[1]))).wait_until_started()"
    )
    subprocess.run([sys.executable, "-c", program, str(run.path)], check=True, timeout=100)
    wait_until(lambda: not run.state().active, what="the failure")
    status = run.status()
    assert (status.state, status.cause) == (State.FAILED, "memory")
    assert status.error and status.error.startswith("out of memory: ")
    assert status.error.endswith(" are free on this machine; a smaller batch size needs less")
