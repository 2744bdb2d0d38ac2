"""One process trains several runs, each as if it were alone, whatever happens to the others."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")

from core.errors import DamagedFile
from core.jobs import launch, process
from core.jobs.process import Member
from core.jobs.setup import Job, Shared
from core.jobs.trainer.intervals import Intervals
from core.jobs.trainer.orders import Signals
from core.kernels.compiler import Unavailable
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from core.training.checkpoint import load_state
from core.training.methods import choice, kernels, shared
from core.training.methods.kernels import KernelStep
from core.training.step import TrainingStep
from core.training.trainer import Trainer
from tests.core.training.test_kernels import NoTape
from tests.support import run_files, trainers

WaitUntil = Callable[..., None]

# Every step has its line, and requests are read after each.
AT_ONCE = Job(intervals=Intervals(report=0.0, control=0.0))
# Six steps an epoch, the last of which has fewer images.
DIFFERENT: list[dict[str, object]] = [
    {"seed": 1},
    {"seed": 2, "learning_rate": 1e-4, "schedule": "cosine"},
    {"seed": 3, "beta": 2.0},
]


class FakeStep:
    """Stands for a step in kernels: trains each run by PyTorch's layers, with tensors that are its own."""

    seen: list[int] = []  # of how many runs the steps were

    def __init__(self, members: Sequence[KernelStep]) -> None:
        self._members = members
        self.totals = torch.zeros(len(members), 2, dtype=torch.float64)
        self.squares = torch.zeros(len(members), 1)
        for member in members:
            for parameter in member.objective.model.parameters():
                parameter.data = parameter.data.clone()

    def record(self, count: int) -> None:
        pass

    def __call__(self, chosen: Tensor) -> None:
        self.seen.append(len(self._members))
        each = zip(self._members, chosen.view(len(self._members), -1), self.squares, strict=True)
        for member, indices, squares in each:
            training, model = member.training, member.objective.model
            step = TrainingStep(
                training.objective, model, training.optimizer, training.generator, training.totals, training.ranks
            )
            step(indices)
            gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
            squares.fill_(sum(float(gradient.square().sum()) for gradient in gradients))


def stand_in(patch: pytest.MonkeyPatch) -> None:
    """Have a CPU pass for a GPU with kernels that are ready."""
    patch.setattr(choice, "CudaRecorder", NoTape)
    patch.setattr(choice, "GPU", "cpu")
    patch.setattr(kernels, "_start", lambda wanted, device: None)
    patch.setattr(shared, "make_step", FakeStep)
    patch.setattr(kernels, "make_validation", lambda objective: objective.validate)
    patch.setattr(FakeStep, "seen", [])


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeStep]:
    """The stand-in for a step in kernels."""
    stand_in(monkeypatch)
    return FakeStep


def make_runs(folder: Path, digits: Path) -> list[Run]:
    """Runs that differ in what members of a sweep may differ in."""
    same = trainers.SMALL | {"data_dir": str(digits), "preset": "vae", "epochs": 2, "batch_size": 11}
    return [Run.create(folder, f"run-{number}", make_config(**same | own)) for number, own in enumerate(DIFFERENT)]


@pytest.fixture
def runs(runs_dir: Path, few_digits: Path) -> list[Run]:
    """Runs that one process is to train."""
    return make_runs(runs_dir, few_digits)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> list[Run]:
    """The same runs, each trained by itself in kernels."""
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        return [train_alone(run) for run in make_runs(tmp_path_factory.mktemp("alone"), few_digits)]


@pytest.fixture(scope="module")
def alone_without(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> list[Run]:
    """The same runs, each trained by itself without kernels."""
    runs = make_runs(tmp_path_factory.mktemp("alone-without"), few_digits)
    for run in runs:
        trainers.finish(run)
    return runs


class Group:
    """Runs that are trained in turns, as their process does it, in this one."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.signals, self.shared = Signals(), Shared(len(runs))
        self.members = [Member(run, AT_ONCE, self.signals, self.shared) for run in runs]

    def rounds(self, most: int | None = None) -> None:
        """So many rounds, or all."""
        for _ in islice(iter(int, 1), most):
            going = [member for member in self.members if member.exit_status is None]
            if not going or (most is None and all(member.waits for member in going)):
                return
            process.go_round(going, self.shared)

    def trainer(self, number: int) -> Trainer:
        """What trains a run."""
        setup = self.members[number].setup
        assert setup is not None
        return setup.trainer

    def until(self, condition: Callable[[], object]) -> None:
        for _ in range(3000):
            if condition():
                return
            self.rounds(1)
        pytest.fail("it did not happen")


def train_alone(run: Run) -> Run:
    """Train to the goal, by itself."""
    member = Member(run, AT_ONCE, Signals(), None)
    while member.exit_status is None:
        process.go_round([member], None)
    assert run.state() is State.FINISHED, run.status().error
    return run


def assert_same(runs: Sequence[Run], alone: Sequence[Run]) -> None:
    for run, undisturbed in zip(runs, alone, strict=True):
        run_files.assert_same_end(run, undisturbed)
        assert run_files.lines(run) == run_files.lines(undisturbed)


def test_runs_that_share_a_step_end_as_they_would_alone(
    runs: list[Run], alone: list[Run], fake: type[FakeStep]
) -> None:
    fake.seen.clear()
    Group(runs).rounds()
    assert_same(runs, alone)
    assert fake.seen == [3] * 12
    assert runs[1].status().device_name.endswith(", 3 runs in one process, Triton kernels, float32")
    assert "finished" in runs[2].last_log_line()


def test_a_run_that_pauses_lets_the_others_go_on_and_comes_back(
    runs: list[Run], alone: list[Run], fake: type[FakeStep]
) -> None:
    group = Group(runs)
    group.rounds(4)
    launch.send_request(runs[1], "pause")
    group.until(lambda: runs[1].status().state is State.PAUSED)
    assert (runs[1].status().step, fake.seen) == (3, [3, 3, 3, 2])
    group.rounds(2)
    assert (group.trainer(1).step, group.trainer(0).step) == (3, 6)
    launch.send_request(runs[1], "resume")
    fake.seen.clear()
    group.rounds()
    assert 3 in fake.seen, "they train together again"
    assert_same(runs, alone)


def test_a_learning_rate_that_is_changed_for_one_run_of_a_step_is_changed_for_that_run_only(
    runs: list[Run], alone: list[Run], fake: object, runs_dir: Path, few_digits: Path
) -> None:
    (runs_dir / "changed").mkdir()
    by_itself = make_runs(runs_dir / "changed", few_digits)[1]
    for run in (runs[1], by_itself):
        run.request("learning-rate", 0.01)
    Group(runs).rounds()
    assert_same([runs[0], runs[2]], [alone[0], alone[2]])
    run_files.assert_same_end(runs[1], train_alone(by_itself))
    with pytest.raises(AssertionError):
        run_files.assert_same_weights(runs[1], alone[1])


def test_a_run_that_stops_lets_the_others_go_on_and_is_resumed_by_itself(
    runs: list[Run], alone: list[Run], fake: object
) -> None:
    group = Group(runs)
    group.rounds(4)
    launch.send_request(runs[0], "stop")
    group.until(lambda: runs[0].status().state is State.STOPPED)
    assert runs[0].status().step < 12
    train_alone(runs[0])  # whose lock is free, while the others are still in their process
    group.rounds()
    assert_same(runs, alone)


def test_a_run_that_diverges_fails_alone(runs: list[Run], alone: list[Run], fake: object) -> None:
    group = Group(runs)
    group.rounds(4)
    with torch.no_grad():
        next(group.trainer(2).model.parameters()).fill_(float("nan"))
    group.rounds()
    assert (runs[2].state(), runs[2].status().cause) == (State.FAILED, "diverged")
    assert group.members[2].exit_status == 1
    assert_same(runs[:2], alone[:2])


def test_a_step_that_cannot_be_done_fails_those_that_share_it(
    runs: list[Run], fake: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(members: Sequence[KernelStep]) -> None:
        raise RuntimeError("out of resources")

    monkeypatch.setattr(shared, "make_step", refuse)
    Group(runs).rounds()
    assert [(run.state(), run.status().error) for run in runs] == [(State.FAILED, "out of resources")] * 3


def test_kernels_that_cannot_be_had_leave_each_run_to_its_own_layers(
    runs: list[Run], fake: type[FakeStep], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, few_digits: Path
) -> None:
    def refuse(wanted: object, device: object) -> None:
        raise Unavailable("no Triton")

    monkeypatch.setattr(kernels, "_start", refuse)
    alone = [train_alone(run) for run in make_runs(tmp_path, few_digits)]
    Group(runs).rounds()
    assert_same(runs, alone)
    assert fake.seen == []
    assert runs[0].status().device_name.endswith("without kernels of its own: no Triton")


def test_runs_that_were_left_at_different_steps_come_together_again(
    runs: list[Run], alone: list[Run], fake: type[FakeStep]
) -> None:
    for run, rounds in zip(runs, (3, 4, 5), strict=True):
        group = Group([run])
        group.rounds(rounds)
        group.signals.stop = "SIGTERM"
        group.rounds()
        assert run.status().state is State.STOPPED
    assert [run.status().step for run in runs] == [2, 3, 4]
    fake.seen.clear()
    Group(runs).rounds()
    assert_same(runs, alone)
    assert fake.seen == [1, 2, *[3] * 8]


def test_a_signal_to_the_process_stops_all_its_runs_and_it_goes_on_with_them(
    runs: list[Run], alone_without: list[Run], wait_until: WaitUntil
) -> None:
    group = trainers.begin_group(runs)
    wait_until(lambda: all(run.status().step > 1 for run in runs), what="the first steps")
    assert {run.status().pid for run in runs} == {group.pid}
    trainers.send_signal(group, signal.SIGTERM)
    group.join(60)
    assert {run.state() for run in runs} <= {State.STOPPED, State.FINISHED}
    assert all(run.status().saved_step == run.status().step for run in runs)
    finish_together(runs)
    assert_same(runs, alone_without)


def finish_together(runs: Sequence[Run]) -> None:
    """Go on with the runs in one process, to their goals."""
    group = trainers.begin_group(runs)
    group.join(60)
    assert group.exitcode == 0, [run.last_log_line() for run in runs]


def test_a_process_of_several_runs_that_was_killed_goes_on_with_them(
    runs: list[Run], alone_without: list[Run], wait_until: WaitUntil
) -> None:
    group = trainers.begin_group(runs)
    wait_until(lambda: all(run.status().step > 1 for run in runs), what="the first steps")
    run_files.kill(runs[0], group)
    finish_together(runs)
    assert_same(runs, alone_without)


def test_several_runs_are_started_as_one_process(
    runs: list[Run], alone_without: list[Run], wait_until: WaitUntil
) -> None:
    first, *others = runs
    started = launch.start(first, threads=1, others=others)
    wait_until(lambda: started.ended, what="the end")
    for run in (first, *others):
        assert (run.state(), run.status().pid) == (State.FINISHED, started.pid)
        assert run.log_path.read_text().count("finished") == 1


def test_a_run_that_another_process_trains_is_refused_and_the_others_train(
    runs: list[Run],
) -> None:
    with runs[1].open_metrics():
        group = trainers.begin_group(runs)
        group.join(60)
    assert group.exitcode == process.EXIT_REFUSED
    assert "is being trained by another process" in runs[1].last_log_line("refused: ")
    assert [run.state() for run in runs] == [State.FINISHED, State.CREATED, State.FINISHED]


def test_a_member_that_is_no_run_is_refused(runs: list[Run], fake: object) -> None:
    (runs[0].path / "config.json").write_text("{")
    with pytest.raises(DamagedFile):
        runs[0].config()
    group = Group(runs)
    group.rounds()
    assert [member.exit_status for member in group.members] == [process.EXIT_REFUSED, 0, 0]
    assert load_state(runs[1]) is not None
