"""A trainer process obeys signals and requests, outlives whoever started it, and says why it ended."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.errors import DamagedFile, RunError
from core.jobs import launch, worker
from core.jobs.process import EXIT_REFUSED
from core.jobs.queue import waiting
from core.jobs.setup import Job
from core.jobs.trainer.failures import describe, log
from core.jobs.trainer.orders import Signals
from core.jobs.trainer.stages import Stages
from core.runs.config import check_values
from core.runs.run import Run
from core.runs.status import State, Status
from tests.support import run_files, trainers

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

LONG = {"preset": "ae", "epochs": 100_000, "validate_every": 50}


@pytest.fixture
def trained(make_small_run: MakeRun, wait_until: WaitUntil) -> Iterator[Run]:
    """A run that a worker trains, past its first steps."""
    run = make_small_run(**LONG)
    trainers.begin(run)
    wait_until(lambda: run.status().step > 2 or run.state() is State.FAILED, what="the first steps")
    assert run.state() is State.RUNNING, run.status().error
    yield run
    if run.state().active:
        os.kill(run.status().pid or 0, signal.SIGKILL)


def test_requests_of_viewers_are_obeyed_at_the_next_step(trained: Run, wait_until: WaitUntil) -> None:
    launch.send_request(trained, "pause")
    wait_until(lambda: trained.state() is State.PAUSED, what="the pause")
    assert trained.status().done_request == 1
    step = trained.status().step
    time.sleep(1.0)
    assert trained.status().step == step
    launch.send_request(trained, "resume")
    wait_until(lambda: trained.status().step > step, what="going on")

    before = trained.weights_version()
    launch.send_request(trained, "save")
    wait_until(lambda: trained.weights_version() != before, what="the save")
    wait_until(lambda: not trained.requests.names(), what="the answer")
    assert trained.status().done_request == 3

    launch.send_request(trained, "stop")
    wait_until(lambda: trained.state() is State.STOPPED, what="the stop")
    assert trained.status().step == trained.status().saved_step == run_files.saved_step(trained)


def test_pictures_that_are_skipped_stand_in_the_log_and_the_status(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(14):
        Image.new("L", (28, 28), 10 * number).save(folder / f"{number:02}.png")
    (folder / "03.png").write_bytes(b"no picture")
    settings = {"dataset": "folder", "data_dir": str(folder), "damaged": "skip", "holdout": 2, "device": "cpu"}
    config = check_values(**settings, preset="ae", epochs=1, batch_size=5)
    run = Run.create(tmp_path / "runs", "skipping", config)
    trainers.begin(run).join()
    assert run.status().state is State.FINISHED, run.log_path.read_text()
    said = "1 of the 14 pictures cannot be decoded and is left out"
    assert run.status().left_out == said
    assert f"{said}: 03.png (no picture)\n" in run.log_path.read_text()


def test_a_request_to_save_does_not_undo_one_to_stop_that_waits(trained: Run, wait_until: WaitUntil) -> None:
    pid = trained.status().pid or 0
    os.kill(pid, signal.SIGSTOP)
    launch.send_request(trained, "stop")
    launch.send_request(trained, "save")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: trained.state() is State.STOPPED, what="the stop")
    assert trained.status().saved_step == trained.status().step


def test_signals_save_stop_and_change_nothing(trained: Run, wait_until: WaitUntil) -> None:
    pid = trained.status().pid or 0
    os.kill(pid, signal.SIGHUP)
    before = trained.weights_version()
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: trained.weights_version() != before, what="the save")
    step = trained.status().step
    wait_until(lambda: trained.status().step > step, what="going on after a save")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: trained.state() is State.STOPPED, what="the stop")
    assert trained.status().saved_step == trained.status().step


def test_a_paused_run_can_be_stopped_and_resumed(trained: Run, wait_until: WaitUntil) -> None:
    launch.send_request(trained, "pause")
    wait_until(lambda: trained.state() is State.PAUSED)
    os.kill(trained.status().pid or 0, signal.SIGINT)
    wait_until(lambda: trained.state() is State.STOPPED)
    stopped_at = trained.status().step
    with pytest.raises(RunError, match="is stopped, so there is no trainer to pause"):
        launch.send_request(trained, "pause")
    trainers.begin(trained)
    wait_until(lambda: trained.status().step > stopped_at, what="going on")


def test_a_killed_trainer_is_lost_and_its_run_goes_on_from_the_last_save(trained: Run, wait_until: WaitUntil) -> None:
    launch.send_request(trained, "stop")  # a request that the dead trainer never saw must not stop the next one
    os.kill(trained.status().pid or 0, signal.SIGKILL)
    wait_until(lambda: trained.state() is State.LOST, what="being seen as lost")
    saved = trained.status().saved_step or 0
    launch.resume(trained).wait_until_started()
    wait_until(lambda: trained.status().step > saved, what="going on")
    assert trained.state() is State.RUNNING


def test_a_second_trainer_is_refused_and_named_the_first(trained: Run, wait_until: WaitUntil) -> None:
    pid = trained.status().pid
    with pytest.raises(RunError, match=f"is running in process {pid}"):
        launch.resume(trained)
    second = launch.start(trained)
    with pytest.raises(RunError, match=f"did not start: a-run is being trained by process {pid}"):
        second.wait_until_started()
    assert trained.status().pid == pid
    assert trained.state() is State.RUNNING


def test_the_end_of_another_process_is_told_without_the_words_of_libraries() -> None:
    gloo = RuntimeError("[/src/third_party/gloo/gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]")
    assert describe(gloo) == "another of the processes that trained the run together has ended"


def test_a_trainer_that_is_refused_says_why_and_leaves_the_run_as_it_was(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(dataset="mnist", data_dir=str(tmp_path / "nowhere"))
    before = run.status()
    process = trainers.begin(run, environment={"VAE_TUI_DATA": str(tmp_path / "elsewhere")})
    process.join(60)
    error = run.status().error or ""
    assert (process.exitcode, run.state()) == (EXIT_REFUSED, State.CREATED)
    assert str(tmp_path / "nowhere") in error
    assert "\n" not in error
    assert run.status() == before.updated(error=error)
    assert run.last_log_line().endswith(f"refused: {error}")


def test_a_finished_run_stays_finished_where_its_device_is_not(make_small_run: MakeRun) -> None:
    run = make_small_run(epochs=1)
    trainers.finish(run)
    before, config = run.status(), (run.path / "config.json").read_text()
    (run.path / "config.json").write_text(config.replace('"device": "cpu"', '"device": "cuda:7"'))
    process = trainers.begin(run, Job(epochs=2))
    process.join(60)
    error = "device must be one that this machine has: auto, cpu; not cuda:7"
    assert process.exitcode == EXIT_REFUSED
    assert run.status() == before.updated(error=error)
    (run.path / "config.json").write_text(config)
    trainers.finish(run, Job(epochs=2))
    assert (run.status().epoch, run.status().error) == (2, None)


def test_a_folder_named_core_where_the_user_stands_is_never_imported(
    make_run: MakeRun, wait_until: WaitUntil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('the wrong core')")
    monkeypatch.chdir(tmp_path)
    run = make_run(**LONG)
    launch.start(run).wait_until_started()
    wait_until(lambda: run.status().step > 0, what="training")


def test_a_run_outlives_the_process_that_started_it(make_run: MakeRun, wait_until: WaitUntil) -> None:
    run = make_run(**LONG)
    program = (
        "import sys; from core.runs.run import Run; from core.jobs import launch; from pathlib import Path;"
        "launch.start(Run(Path(sys.argv[1]))).wait_until_started()"
    )
    subprocess.run([sys.executable, "-c", program, str(run.path)], check=True, timeout=60)
    wait_until(lambda: run.status().step > 0, what="training")
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED)


@pytest.mark.parametrize("file", ["config.json", "status.json"])
def test_a_damaged_run_is_not_resumed(make_run: MakeRun, file: str) -> None:
    run = make_run()
    (run.path / file).write_text("{")
    with pytest.raises(DamagedFile, match=file):
        launch.resume(run)
    assert not run.log_path.exists()


def test_a_run_goes_on_where_its_image_set_lies_elsewhere(
    make_small_run: MakeRun, few_digits: Path, tmp_path: Path
) -> None:
    run = make_small_run(data_dir=str(tmp_path / "where-it-was-trained"), epochs=1)
    trainers.begin(run, environment={"VAE_TUI_DATA": str(few_digits)}).join(60)
    assert (run.state(), run.status().error) == (State.FINISHED, None)


def test_what_resume_asked_for_outlasts_a_trainer_that_ends_before_its_first_save(
    make_small_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(run: Run, metrics: object, job: Job, stages: Stages, *others: object) -> None:
        stages.begin("loading PyTorch")
        raise KeyboardInterrupt

    run = make_small_run(epochs=1)
    trainers.finish(run)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "load_trainer", end)
        for job in (Job(epochs=3, learning_rate=2e-4), Job(epochs=2)):
            with run.open_metrics() as metrics, pytest.raises(KeyboardInterrupt):
                next(worker.Worker(run, metrics, job, Signals(), log, None).work())
    lost = run.status()
    assert (run.state(), lost.epoch, lost.epochs, lost.base_learning_rate) == (State.LOST, 1, 2, 2e-4)
    launch.prepare_resume(run)
    trainers.finish(run)
    ended = run.status()
    assert (ended.epoch, ended.base_learning_rate, ended.asked) == (2, 2e-4, ())


def test_what_the_queue_asks_for_is_asked_once_whoever_starts_the_run_again(
    make_small_run: MakeRun, wait_until: WaitUntil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = make_small_run(epochs=1)
    waiting.enqueue(run, 2, 2e-4)
    job = replace(trainers.EVERY_LINE, from_queue=True)
    run.request("pause")  # the first step boundary
    for rate in (2e-4, 3e-4):
        trainer = trainers.begin(run, job)
        trainers.wait_until_at_work(run, trainer)
        wait_until(lambda: run.state() is State.PAUSED, what="the pause")
        assert (run.status().epochs, run.status().base_learning_rate) == (2, rate)
        changed = run.request("learning-rate", 3e-4)
        wait_until(lambda: not run.requests.waits(changed), what="the change")  # noqa: B023
        run_files.kill(run, trainer)
        wait_until(lambda: run.state() is State.QUEUED)
        run.request("pause")
    begun: list[object] = []
    monkeypatch.setattr(launch, "start", lambda run, *arguments: begun.extend(arguments[:2]))
    launch.resume(run)
    assert begun == [None, None]


def test_a_run_that_reached_its_goal_is_finished_with_everything_saved(make_small_run: MakeRun) -> None:
    run = make_small_run(preset="vae", epochs=2, schedule="cosine", learning_rate=0.01)
    trainers.finish(run)
    status, steps = run.status(), 2 * trainers.STEPS_PER_EPOCH
    assert (status.state, status.epoch, status.epochs) == (State.FINISHED, 2, 2)
    assert status.step == status.saved_step == run_files.saved_step(run) == steps
    assert status.learning_rate == pytest.approx(0.01 * (1 + math.cos(math.pi * (steps - 1) / steps)) / 2)
    with pytest.raises(RunError, match="has done 2 epochs; ask for more than that with --epochs"):
        launch.resume(run)
    assert run.state() is State.FINISHED


def test_a_finished_run_asks_for_more_epochs(make_run: MakeRun) -> None:
    run = make_run(epochs=1)
    run.write_status(Status(state=State.FINISHED, epoch=1, epochs=1))
    run.state_path.touch()
    with pytest.raises(RunError, match="has done 1 epoch; ask for more than that with --epochs"):
        launch.resume(run)
