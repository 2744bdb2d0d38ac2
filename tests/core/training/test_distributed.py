"""Two processes that train one run: they learn what one learns, and nothing of it is lost whatever ends them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import psutil
import pytest
import torch
from torch import Tensor

from core.errors import RunError
from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State
from core.training.distributed import ALONE, SingleProcess
from tests.faults import lives
from tests.faults.conftest import few_digits, make_small_run

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

__all__ = ["few_digits", "make_small_run"]  # fixtures

# Each process normalises by the statistics of its own half of a batch.
TOLERANCE = 0.05
SAMPLES_TOLERANCE = 0.2  # after two epochs samples are far from digits, and the distance is a square


class Seat(SingleProcess):
    """One of several, without the others."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count


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
        loss = (x[share.part] @ weight).square().sum() * ranks.count / (share.copies * len(x))
        return torch.autograd.grad(loss, weight)[0]

    mean = torch.stack([gradient(Seat(rank, 4)) for rank in range(4)]).mean(dim=0)
    assert torch.allclose(mean, gradient(ALONE), atol=1e-5)


def others(run: Run) -> list[int]:
    """The processes that train along with the first one."""
    first = psutil.Process(run.status().pid)
    parent = first.parent()
    assert parent is not None
    return [child.pid for child in parent.children() if child.pid != first.pid]


def finish(run: Run, wait_until: WaitUntil) -> None:
    wait_until(lambda: not run.state().active, what="the end")
    assert run.state() is State.FINISHED, run.log_path.read_text()


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(make_run: MakeRun, wait_until: WaitUntil) -> None:
    values = {"preset": "vae", "batch_size": 128, "epochs": 2, "measure_every": 1}
    one, two = make_run("one", **values), make_run("two", processes=2, **values)
    for run in (one, two):
        launch.start(run).wait_until_started()
        finish(run, wait_until)
    assert "2 processes" in two.status().device_name
    for alone, together in zip(lives.epoch_lines(one), lives.epoch_lines(two), strict=True):
        assert together["step"] == alone["step"]
        for part in ("train_loss", "train_reconstruction", "val_loss", "val_reconstruction"):
            assert together[part] == pytest.approx(alone[part], rel=TOLERANCE), part
        assert together["frechet"] == pytest.approx(alone["frechet"], rel=SAMPLES_TOLERANCE)


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
    assert not lives.is_trained(run)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_of_two_processes_ends_as_if_nothing_had_happened(make_small_run: MakeRun, wait_until: WaitUntil) -> None:
    values = {"preset": "vae", "epochs": 100, "processes": 2}
    undisturbed, run = make_small_run("undisturbed", **values), make_small_run(**values)
    launch.start(undisturbed).wait_until_started()
    finish(undisturbed, wait_until)

    launch.start(run).wait_until_started()
    wait_until(lambda: run.status().step > 3, what="the first steps")
    launch.send_request(run, "pause")
    wait_until(lambda: run.state() is State.PAUSED, what="the pause")
    launch.send_request(run, "resume")
    wait_until(lambda: run.state() is State.RUNNING, what="going on")
    for how in ("stop", "kill another", "kill the first"):
        end(run, how, wait_until)
        launch.resume(run).wait_until_started()
    finish(run, wait_until)
    lives.assert_same_end(run, undisturbed)


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
