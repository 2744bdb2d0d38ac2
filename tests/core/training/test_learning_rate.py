"""A learning rate that is changed while a run trains: saved before it counts as done, and part of exact resume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
import torch

from core.data.images import ImageSet
from core.jobs import launch
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.runs.status import Asked, State
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.core.training.test_kernels import NoTape
from tests.support import trainers
from tests.support.run_files import assert_same_end, assert_same_weights, lines, temporaries

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
SETTINGS = {"preset": "vae", "epochs": 2, "batch_size": 32, "schedule": "cosine", "learning_rate": 0.003}
CHANGED_AFTER, KILLED_AFTER = 5, 3  # boundaries: until the rate changes, and from there to the kill


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten batches of 32 and one of 10."""
    return cut_digits(330, 50)


def train_with_change(run: Run, images: ImageSet, then: int | None, recorder: object = None) -> Trainer:
    """Train, change the rate and save; go on for so many boundaries as if killed after them, or to the end and save."""
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics, recorder=recorder)  # type: ignore[arg-type]
        steps = trainer.steps()
        for _ in islice(steps, CHANGED_AFTER):
            pass
        assert trainer.set_learning_rate(0.01, "a")
        trainer.save()
        for _ in islice(steps, then):
            pass
        if then is None:
            trainer.save()
    return trainer


@pytest.mark.parametrize("method", ["compiled", "recorded"])
def test_a_run_killed_after_its_rate_was_changed_ends_bit_for_bit_where_the_uninterrupted_one_does(
    method: str, make_run: MakeRun, images: ImageSet, request: pytest.FixtureRequest
) -> None:
    if method != "compiled":
        request.getfixturevalue("no_compiled_step")
    recorder = NoTape(torch.device("cpu")) if method == "recorded" else None
    straight, killed, plain = (make_run(name, **SETTINGS) for name in ("straight", "killed", "plain"))
    trainers.train(plain, images, recorder=recorder)
    train_with_change(straight, images, None, recorder)
    train_with_change(killed, images, KILLED_AFTER, recorder)
    ended = trainers.train(killed, images, recorder=recorder)
    assert_same_weights(straight, killed)
    assert ended.optimizer.base_rate == 0.01
    assert [line["learning_rate"] for line in lines(killed, "learning_rate")] == [0.01]
    with pytest.raises(AssertionError):
        assert_same_weights(straight, plain)


def test_a_cosine_goes_on_from_where_it_is_with_the_new_height(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SETTINGS)
    trainer = train_with_change(run, images, 0)
    assert trainer.progress()["base_learning_rate"] == 0.01
    assert trainer.learning_rate == pytest.approx(0.01 * (1 + math.cos(math.pi * CHANGED_AFTER / 22)) / 2)


def test_a_request_that_was_saved_but_not_answered_is_not_done_again(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SETTINGS)
    train_with_change(run, images, 0)
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        assert not trainer.set_learning_rate(0.01, "a")
        assert trainer.set_learning_rate(0.02, "b")
        trainer.save()
    assert [line["learning_rate"] for line in lines(run, "learning_rate")] == [0.01, 0.02]


def test_a_rate_that_resume_asked_for_does_not_undo_one_that_was_asked_for_later(
    make_run: MakeRun, images: ImageSet
) -> None:
    run, asked = make_run(**SETTINGS), [Asked(id="a", learning_rate=0.02)]
    for rate in (0.02, 0.01):
        with run.open_metrics() as metrics:
            trainer = Trainer(run, images, "cpu", metrics, asked)
            assert trainer.optimizer.base_rate == rate
            trainer.set_learning_rate(0.01, "b")
            trainer.save()


def test_what_was_asked_for_is_read_as_a_table_and_other_readers_skip_it(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SETTINGS)
    train_with_change(run, images, None)
    reader = MetricsReader(run.metrics_path)
    reader.poll()
    assert (reader.rates["learning_rate"].tolist(), reader.rates["step"].tolist()) == ([0.01], [CHANGED_AFTER])
    assert (len(reader.epochs), reader.damaged_lines) == (2, 0)


def test_an_optimizer_whose_list_of_requests_is_something_else_has_none(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SETTINGS)
    train_with_change(run, images, 0)
    for wrong in (7, ("a", 7), ("a",) * 1001):
        state = torch.load(run.state_path, weights_only=True)
        state["optimizer"]["param_groups"][0]["requests"] = wrong
        torch.save(state, run.state_path)
        with run.open_metrics() as metrics:
            assert Trainer(run, images, "cpu", metrics).optimizer.requests == ()


@pytest.mark.slow
def test_the_rate_that_the_first_of_two_processes_is_to_begin_with_is_that_of_both(make_small_run: MakeRun) -> None:
    values = {"preset": "vae", "processes": 2, "epochs": 2}
    straight, asked = make_small_run("straight", **values, learning_rate=0.01), make_small_run("asked", **values)
    port = trainers.free_port()
    jobs = [replace(trainers.EVERY_LINE, learning_rate=0.01), trainers.EVERY_LINE]
    processes = [trainers.begin(asked, job, trainers.place(rank, 2, port)) for rank, job in enumerate(jobs)]
    for process in (*processes, *trainers.begin_together(straight, 2)):
        process.join(60)
        assert process.exitcode == 0, asked.log_path.read_text()
    assert_same_end(asked, straight)


@pytest.mark.slow
def test_the_rate_of_a_run_in_two_processes_is_changed_in_both_and_a_kill_takes_nothing_back(
    make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    values = {"preset": "vae", "processes": 2, "epochs": 3}
    straight, killed = make_small_run("straight", **values), make_small_run("killed", **values)
    for run in (straight, killed):
        run.request("pause")  # the first step boundary acts on both
        run.request("learning-rate", 0.01)
        processes = trainers.begin_together(run, 2)
        wait_until(lambda: run.state() is State.PAUSED and not run.requests.names(), what="the pause")  # noqa: B023
        assert run.status().base_learning_rate == 0.01
        if run is killed:
            for process in processes:
                process.kill()
                process.join(30)
            launch.prepare_resume(run)
            processes = trainers.begin_together(run, 2)
        else:
            launch.send_request(run, "resume")
        for process in processes:
            process.join(60)
            assert process.exitcode == 0, run.log_path.read_text()
    assert_same_end(killed, straight)
    assert temporaries(killed) == []


def test_a_rate_that_no_run_may_have_is_ignored_and_said(make_small_run: MakeRun, wait_until: WaitUntil) -> None:
    run = make_small_run(preset="vae", epochs=2)
    run.request("learning-rate", 7.0)
    trainers.finish(run, replace(trainers.EVERY_LINE))
    assert "ignored: learning rate must be at most 1, not 7.0" in run.log_path.read_text()
    assert (lines(run, "learning_rate"), run.requests.names()) == ([], [])
