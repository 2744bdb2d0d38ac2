"""Two processes that train one run: they learn what one learns, and nothing of it is lost whatever ends them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import psutil
import pytest
import torch
from torch import Tensor

from core.errors import RunError
from core.jobs import launch
from core.runs.run import Run
from core.runs.snapshots.folder import snapshots_of
from core.runs.status import State
from core.training.distributed import ALONE, SingleProcess, Task
from core.training.objectives import ImageObjective
from tests.conftest import cut_digits
from tests.support import run_files, trainers
from tests.support.trainers import Process, free_port, place

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

# Each process normalises by the statistics of its own half of a batch.
TOLERANCE = 0.05
SAMPLES_TOLERANCE = 0.2  # after two epochs samples are far from digits, and the distance is a square


class Seat(SingleProcess):
    """One of several, without the others."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank, self.world_size = rank, world_size


# Parts of a batch


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("images", [1, 2, 3, 5, 14, 96, 128])
def test_the_shares_of_all_processes_are_the_batch(images: int, count: int) -> None:
    shares = [Seat(rank, count).share(images) for rank in range(count)]
    computed = torch.zeros(images)
    for share in shares:
        assert len(range(images)[share.part]) >= min(images, 2)
        computed[share.part] += 1 / share.copies
    assert torch.allclose(computed, torch.ones(images))


def test_the_mean_over_processes_of_their_gradients_is_the_gradient_of_the_batch() -> None:
    x = torch.randn(11, 3)
    weight = torch.randn(3, requires_grad=True)

    def gradient(ranks: SingleProcess) -> Tensor:
        share = ranks.share(len(x))
        loss = (x[share.part] @ weight).square().sum() * ranks.world_size / (share.copies * len(x))
        return torch.autograd.grad(loss, weight)[0]

    mean = torch.stack([gradient(Seat(rank, 4)) for rank in range(4)]).mean(dim=0)
    assert torch.allclose(mean, gradient(ALONE), atol=1e-5)


# What the first process tells the others


class Announcer(SingleProcess):
    """Notes what the first process announces."""

    def __init__(self) -> None:
        self.announced: list[Task] = []

    def announce(self, task: Task) -> None:
        self.announced.append(task)


EPOCH = [Task.STEP] * trainers.STEPS_PER_EPOCH
VALIDATED = [*EPOCH, Task.VALIDATE, Task.END_EPOCH]
MEASURED = [*EPOCH, Task.VALIDATE, Task.MEASURE, Task.END_EPOCH]


def test_the_first_process_announces_every_task_and_that_the_goal_is_reached(make_run: MakeRun) -> None:
    ranks = Announcer()
    run = make_run(epochs=4, batch_size=10, validate_every=2, measure_every=4)
    few = cut_digits(trainers.TRAINING, trainers.VALIDATION)
    trainers.train(run, few, ranks=ranks, frechet_samples=100)
    unvalidated = [*EPOCH, Task.END_EPOCH]
    assert ranks.announced == [*unvalidated, *VALIDATED, *unvalidated, *MEASURED, Task.STOP]


def test_an_interrupted_validation_is_announced_again(make_run: MakeRun) -> None:
    run, few = make_run(epochs=1, batch_size=10), cut_digits(trainers.TRAINING, trainers.VALIDATION)
    trainers.train(run, few, boundaries=len(EPOCH) + 1)
    ranks = Announcer()
    trainers.train(run, few, ranks=ranks)
    assert ranks.announced == [Task.VALIDATE, Task.END_EPOCH, Task.STOP]


def work_and_count(run: Run, rank: int, port: int, counts: Path) -> None:
    """Train as one of two processes, noting which of them validates and samples."""

    def counting(name: str) -> Callable[..., object]:
        method = getattr(ImageObjective, name)

        def counted(objective: ImageObjective, *arguments: object) -> object:
            with counts.open("a") as file:
                file.write(f"{rank} {name}\n")
            return method(objective, *arguments)

        return counted

    with (
        mock.patch.object(ImageObjective, "validate", counting("validate")),
        mock.patch.object(ImageObjective, "samples", counting("samples")),
    ):
        trainers.work(run.path, trainers.EVERY_LINE, place(rank, 2, port))


def test_only_the_first_process_validates_and_measures_samples(make_run: MakeRun, tmp_path: Path) -> None:
    run, counts, port = (
        make_run(epochs=2, batch_size=1000, measure_every=2, processes=2),
        tmp_path / "counts",
        free_port(),
    )
    processes = [trainers.fork(work_and_count, run, rank, port, counts) for rank in range(2)]
    join(run, processes)
    assert sorted(counts.read_text().splitlines()) == ["0 samples", "0 validate", "0 validate"]
    assert [line["frechet"] is None for line in run_files.lines(run, "epoch")] == [True, False]


# Two real processes


def join(run: Run, processes: list[Process]) -> None:
    """Wait for the end of all processes of a run that finishes."""
    for process in processes:
        process.join(150)
    assert [process.exitcode for process in processes] == [0] * len(processes), run.log_path.read_text()
    assert run.state() is State.FINISHED


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(make_run: MakeRun, wait_until: WaitUntil) -> None:
    values = {"preset": "vae", "batch_size": 128, "epochs": 2, "measure_every": 1}
    one, two = make_run("one", **values), make_run("two", processes=2, **values)
    join(one, [trainers.begin(one)])
    launch.start(two).wait_until_started()  # by torchrun
    wait_until(lambda: not two.state().active, what="the end")
    assert two.state() is State.FINISHED, two.log_path.read_text()
    assert "2 processes" in two.status().device_name
    for alone, together in zip(run_files.lines(one, "epoch"), run_files.lines(two, "epoch"), strict=True):
        assert together["step"] == alone["step"]
        for part in ("train_loss", "train_reconstruction", "val_loss", "val_reconstruction"):
            assert together[part] == pytest.approx(alone[part], rel=TOLERANCE), part
        assert together["frechet"] == pytest.approx(alone["frechet"], rel=SAMPLES_TOLERANCE)


def test_a_run_of_two_processes_that_was_paused_and_stopped_ends_as_if_nothing_had_happened(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    values = {"preset": "vae", "processes": 2}
    undisturbed, run = make_small_run("undisturbed", **values), make_small_run(**values)
    join(undisturbed, trainers.begin_together(undisturbed, 2))
    run.request("pause")  # the first step boundary acts on it
    processes = trainers.begin_together(run, 2)
    wait_until(lambda: run.state() is State.PAUSED, what="the pause")
    launch.send_request(run, "stop")
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert run.state() is State.STOPPED
    assert not run_files.is_trained(run)
    run.request("pause")
    processes = trainers.begin_together(run, 2)
    wait_until(lambda: run.state() is State.PAUSED, what="the pause")
    launch.send_request(run, "resume")
    join(run, processes)
    run_files.assert_same_end(run, undisturbed)
    assert run.status().device_name.endswith("(no compiled step: processes share its batches)")
    assert len(snapshots_of(run)) > 10  # the first process keeps them


# By torchrun


def others(run: Run) -> list[int]:
    """The processes that train along with the first one."""
    first = psutil.Process(run.status().pid)
    parent = first.parent()
    assert parent is not None
    return [child.pid for child in parent.children() if child.pid != first.pid]


def end(run: Run, how: str, wait_until: WaitUntil) -> None:
    """End the training of a run that goes on, and all of its processes."""
    step = run.status().step
    wait_until(lambda: run.status().step > step + 3, what="more steps")
    (other,) = others(run)
    match how:
        case "stop":
            launch.send_request(run, "stop")
            wait_until(lambda: run.state() is State.STOPPED, what="the stop")
        case "kill the first":
            os.kill(run.status().pid or 0, signal.SIGKILL)
            wait_until(lambda: run.state() is State.LOST, what="the loss")
        case "kill another":
            os.kill(other, signal.SIGKILL)
            wait_until(lambda: not run.state().active, what="the end")
            assert run.state() in (State.FAILED, State.LOST)
    wait_until(lambda: not psutil.pid_exists(other), what="the other's end")
    assert not run_files.is_trained(run)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_whose_processes_are_killed_one_or_the_other_ends_as_if_nothing_had_happened(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    values = {"preset": "vae", "epochs": 100, "processes": 2}
    undisturbed, run = make_small_run("undisturbed", **values), make_small_run(**values)
    join(undisturbed, trainers.begin_together(undisturbed, 2))
    launch.start(run).wait_until_started()
    for how in ("stop", "kill another", "kill the first"):
        end(run, how, wait_until)
        launch.resume(run).wait_until_started()
    wait_until(lambda: not run.state().active, what="the end")
    run_files.assert_same_end(run, undisturbed)


def test_a_second_trainer_is_refused_in_words_that_torchrun_does_not_bury(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=10_000, processes=2)
    launch.start(run).wait_until_started()
    with pytest.raises(RunError, match=f"is being trained by process {run.status().pid} on"):
        launch.start(run).wait_until_started()
    assert run.state() is State.RUNNING
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED, what="the stop")
