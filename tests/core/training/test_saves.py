"""A save holds the bits of its own step, however far training has come when it reaches the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice

import pytest
import torch

from core.data.images import ImageSet
from core.jobs import launch, process
from core.jobs.setup import Job
from core.jobs.trainer.intervals import Intervals
from core.jobs.trainer.orders import Signals
from core.runs.run import Run
from core.runs.status import State
from core.training.checkpoint import load_state
from core.training.saving.copies import on_host, separate
from core.training.saving.taking import take
from core.training.saving.writing import Save, Writer
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support import run_files

MakeRun = Callable[..., Run]
ALWAYS = Job(intervals=Intervals(first_save=0.0, last_save=0.0, save_share=0.0))


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return cut_digits(60, 20)


def test_tensors_that_were_taken_stay_as_they_were_and_are_whole() -> None:
    flat = torch.arange(24.0)
    tensors = {
        "flag": torch.tensor(True), "square": flat[:4].view(2, 2), "count": torch.tensor(7), "number": flat[4],
        "rows": flat[6:18].view(3, 4).T, "sums": torch.tensor([0.1, 0.2], dtype=torch.float64),
        "last": torch.arange(16.0).view(1, 2, 4, 2).to(memory_format=torch.channels_last), "none": torch.zeros(0, 3),
    }  # fmt: skip
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    found = on_host(tensors)
    for tensor in tensors.values():
        tensor.zero_()
    assert list(found) == list(tensors)
    for name, tensor in separate(found).items():
        assert torch.equal(tensor, before[name]), name
        assert tensor.dtype == before[name].dtype
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_what_is_taken_of_an_optimizer_is_its_state() -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1), fused=True)  # the rate as on a GPU
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state, taken = optimizer.state_dict(), take(model, optimizer, {"sums": torch.ones(2), "permutation": None})
    found = taken.optimizer()
    assert found["param_groups"] == state["param_groups"]
    assert found["state"].keys() == state["state"].keys()
    for index, entry in state["state"].items():
        assert list(found["state"][index]) == list(entry)
        assert all(torch.equal(found["state"][index][key], tensor) for key, tensor in entry.items())
    assert taken.others.keys() == {"sums"}
    assert taken.is_finite
    with torch.no_grad():
        model.bias[0] = torch.inf
    assert not take(model, optimizer, {}).is_finite


def test_a_save_that_reaches_the_disk_late_holds_its_own_step(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, late = (make_run(name, preset="vae", batch_size=10, epochs=2) for name in ("at-once", "late"))
    disk, write = threading.Event(), Writer._write

    def write_later(writer: Writer, save: Save) -> float:
        assert disk.wait(30)
        return write(writer, save)

    for run in (at_once, late):
        with run.open_metrics() as metrics:
            trainer = Trainer(run, images, "cpu", metrics, report_seconds=0)
            steps = trainer.steps()
            for _ in islice(steps, 9):  # best weights of the first epoch wait
                pass
            if run is at_once:
                trainer.save()
                continue
            monkeypatch.setattr(Writer, "_write", write_later)
            saving = trainer.begin_save(measured=True)
            for _ in steps:
                pass
            assert not saving.done
            disk.set()
            saving.wait()
            assert (saving.step, trainer.step) == (7, 12)
    one, other = (load_state(run) for run in (at_once, late))
    assert one is not None
    assert other is not None
    assert (other.epoch, other.batch) == (1, 1)
    assert one.metrics_length <= at_once.metrics_path.stat().st_size
    assert run_files.weights(at_once) == run_files.weights(late)
    assert run_files.weights(at_once, best=True) == run_files.weights(late, best=True)
    assert torch.equal(one.generator, other.generator)
    for index, entry in one.optimizer["state"].items():
        assert all(torch.equal(tensor, other.optimizer["state"][index][key]) for key, tensor in entry.items())
    assert [tensor.tolist() for tensor in one.model.values()] == [tensor.tolist() for tensor in other.model.values()]


def test_a_training_that_fails_while_a_save_is_written_ends_after_it(
    make_small_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_small_run(preset="ae", epochs=2)
    disk, write, step = threading.Event(), Writer._write, Trainer._train_step

    def write_later(writer: Writer, save: Save) -> float:
        assert disk.wait(30)
        return write(writer, save)

    def fail(trainer: Trainer) -> None:
        if trainer.step == 3:
            threading.Timer(0.2, disk.set).start()
            raise ArithmeticError("no more")
        step(trainer)

    monkeypatch.setattr(Writer, "_write", write_later)
    monkeypatch.setattr(Trainer, "_train_step", fail)
    monkeypatch.setattr(Signals, "handle", lambda signals: None)
    assert process.train([run], ALWAYS) == 1
    assert (run.state(), run.status().step, run.status().saved_step) == (State.FAILED, 3, 1)
    assert run_files.saved_step(run) == 1
    run_files.assert_sound(run)


def test_a_request_to_save_is_answered_by_its_own_save_and_not_by_one_on_its_way(
    make_small_run: MakeRun, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_small_run(preset="ae", epochs=1000)
    disk, write = threading.Event(), Writer._write
    seen: list[tuple[int, int | None]] = []  # the step of each save, and what was answered when it is written

    def write_later(writer: Writer, save: Save) -> float:
        assert disk.wait(30)
        seen.append((save.step, run.status().done_request))
        return write(writer, save)

    monkeypatch.setattr(Writer, "_write", write_later)
    seldom = Job(intervals=Intervals(control=0.0, first_save=1e6, last_save=1e6))
    member = process.Member(run, seldom, Signals(), None)
    while member.setup is None or member.setup.trainer.step < 3:  # the first save is on its way
        member.take_turn()
    launch.send_request(run, "save")
    disk.set()
    wait_until(lambda: run_files.saved_step(run) == 1)  # which the trainer is to find out
    while run.status().done_request != 1:
        member.take_turn()
    assert seen == [(1, 0), (3, 0)]
    assert (run.status().saved_step, run_files.saved_step(run)) == (3, 3)
    launch.send_request(run, "stop")
    while member.exit_status is None:
        member.take_turn()


def test_training_waits_where_the_disk_refuses_a_save_that_was_written_meanwhile(
    make_small_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, undisturbed = make_small_run("refused", epochs=2), make_small_run("undisturbed", epochs=2)
    write = Run.write_state
    refused: list[bytes] = []

    def refuse_twice(written: Run, content: bytes) -> None:
        if written == run and len(refused) < 2:
            refused.append(content)
            raise OSError(28, "No space left on device")
        write(written, content)

    monkeypatch.setattr(Run, "write_state", refuse_twice)
    monkeypatch.setattr(Signals, "handle", lambda signals: None)
    quick = Job(intervals=Intervals(report=0.0, first_save=0.0, last_save=0.0, save_share=0.0, retry=0.01, control=0.0))
    for each in (run, undisturbed):
        assert process.train([each], quick) == 0
    log = run.log_path.read_text() if run.log_path.exists() else ""
    assert len(refused) == 2
    run_files.assert_same_end(run, undisturbed)
    assert log.count("training waits until it can be saved") <= 1
