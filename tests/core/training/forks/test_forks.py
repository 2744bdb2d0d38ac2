"""A fork goes on from the very state of its parent, which is not touched; with other settings it takes another way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.data.images import ImageSet
from core.errors import ConfigError, DamagedFile, RunError
from core.runs.config import write_json
from core.runs.run import CONFIG, Run
from core.runs.snapshots.folder import snapshots_of
from core.runs.status import State
from core.training.checkpoint import TrainingState, load_state, save_state
from core.training.forks.making import fork_newest, fork_snapshot
from core.training.forks.state import going_on
from tests.conftest import cut_digits
from tests.support import trainers
from tests.support.run_files import assert_same_weights, lines, weights

MakeRun = Callable[..., Run]
STEPS = 11  # of an epoch: ten batches of 32 and one of 10
SETTINGS: dict[str, object] = {"preset": "vae", "epochs": 3, "batch_size": 32}


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return cut_digits(330, 50)


def stop_at(run: Run, images: ImageSet, boundaries: int) -> Run:
    """Train so far, save, and say so as a trainer does."""
    trainer = trainers.train(run, images, boundaries, report_seconds=0.0)
    status = run.status().updated(**trainer.progress())
    run.write_status(status.updated(saved_step=trainer.step, state=State.STOPPED))
    return run


def contents(run: Run) -> dict[str, tuple[bytes, int]]:
    """What is in the folder of a run, and when it was last changed."""
    files = [path for path in run.path.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def assert_same_state(one: TrainingState | None, other: TrainingState | None, *but: str) -> None:
    """The same tensors and values, bit for bit."""
    assert one is not None
    assert other is not None
    for name in TrainingState.model_fields.keys() - {*but}:
        assert _plain(getattr(one, name)) == _plain(getattr(other, name)), name


def _plain(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.dtype, value.shape, value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(("preset", "method"), [("vae", "compiled"), ("vae", "layers"), ("prior", "compiled")])
def test_a_fork_that_changes_nothing_ends_bit_for_bit_where_its_parent_does(
    preset: str, method: str, make_run: MakeRun, images: ImageSet, request: pytest.FixtureRequest
) -> None:
    if method == "layers":
        request.getfixturevalue("no_compiled_step")
    settings = SETTINGS | {"preset": preset, "validate_every": 1, "patience": 3, "epochs": 2}
    parent = stop_at(make_run("parent", **settings), images, STEPS + 5)
    before = contents(parent)
    fork = fork_newest(parent, parent.path.parent, None, {}, None)
    assert fork.name == "parent-fork"
    assert contents(parent) == before
    state = load_state(fork)
    assert state is not None
    assert (state.epoch, state.batch > 0) == (1, True)
    assert_same_state(state, load_state(parent), "metrics_length")
    trainers.train(parent, images)
    shutil.move(parent.path, parent.path.with_name("moved"))
    trainers.train(fork, images)
    parent = Run(parent.path.with_name("moved"))
    clocks = ("metrics_length", "seconds", "images_per_second", "reported_at", "epoch_began", "reported", "carried")
    assert_same_state(load_state(fork), load_state(parent), *clocks)
    assert_same_weights(fork, parent)


def test_a_fork_says_where_it_began_and_has_the_curve_until_there(make_run: MakeRun, images: ImageSet) -> None:
    parent = stop_at(make_run("parent", **SETTINGS), images, STEPS + 5)
    write_json(parent.path / CONFIG, parent.config().model_copy(update={"sweep": "try"}))
    changes = {"beta": "2", "epochs": "5", "learning_rate": "0.0001", "schedule": "constant"}
    fork = fork_newest(parent, parent.path.parent, "other", changes, None)
    config, status, state = fork.config(), fork.status(), load_state(fork)
    assert config.forked_from is not None
    assert config.sweep is None
    assert config.forked_from.words == "forked from parent at epoch 1.27"
    assert config.forked_from.step == 14
    assert config.forked_from.changed == ("epochs", "learning_rate", "schedule", "beta")
    assert config.forked_from.created == parent.config().created
    assert (config.beta, config.epochs, config.learning_rate) == (2.0, 5, 0.0001)
    assert (status.state, status.epoch, status.epochs, status.saved_step) == (State.CREATED, 1, 5, 14)
    assert state is not None
    assert (state.epochs, state.learning_rate, state.best) == (5, 0.0001, torch.inf)
    assert not fork.weights_path(best=True).exists()
    *copied, mark = lines(fork)
    assert copied == lines(parent)
    assert mark == {"kind": "fork", "epoch": 1, "step": 14, "run": "parent", "best_anew": True}
    trainers.train(fork, images)
    assert [line["epoch"] for line in lines(fork, "epoch")] == [1, 2, 3, 4, 5]
    assert weights(fork) != weights(parent)


def test_the_best_so_far_counts_on_where_the_loss_is_the_same_sum(make_run: MakeRun, images: ImageSet) -> None:
    parent = stop_at(make_run("parent", **SETTINGS | {"patience": 5}), images, STEPS + 5)
    same = fork_newest(parent, parent.path.parent, None, {"learning_rate": 0.0001}, None)
    assert same.read_weights(best=True) == parent.read_weights(best=True)
    assert lines(same)[-1]["best_anew"] is False
    state = load_state(parent)
    assert state is not None
    state = state.model_copy(update={"since_best": 4})
    for changed, anew, since, new_method in (
        (("learning_rate",), False, 4, False),
        (("epochs",), False, 0, False),
        (("beta",), True, 0, False),
        (("precision",), False, 4, True),
    ):
        found = going_on(state, parent.config(), changed, best_anew=anew)
        assert (found.since_best, found.new_method, found.best == torch.inf) == (since, new_method, anew)


def test_a_fork_of_a_fork_and_one_of_a_state_that_a_kill_left_behind_its_weights(
    make_run: MakeRun, images: ImageSet
) -> None:
    parent = stop_at(make_run("parent", **SETTINGS), images, 5)
    saved, length = parent.state_path.read_bytes(), parent.metrics_path.stat().st_size
    trainers.train(parent, images, 3)
    parent.write_state(saved)  # model.safetensors is three steps ahead
    fork = fork_newest(parent, parent.path.parent, None, {}, None)
    state = load_state(fork)
    assert state is not None
    assert state.batch == 5
    newest = weights(fork)
    assert newest == {name: tensor.numpy().tobytes() for name, tensor in state.model.items()}
    assert fork.metrics_path.read_bytes()[:length] == parent.metrics_path.read_bytes()[:length]
    stop_at(fork, images, 4)
    second = fork_newest(fork, fork.path.parent, None, {"epochs": 4}, None)
    assert [line["run"] for line in lines(second, "fork")] == ["parent", "parent-fork"]
    shutil.rmtree(fork.path)
    trainers.train(second, images)
    assert len(lines(second, "epoch")) == 4


def test_a_fork_of_a_snapshot_has_its_weights_a_fresh_adam_and_random_numbers_of_its_own(
    make_run: MakeRun, images: ImageSet
) -> None:
    parent = stop_at(make_run("parent", **SETTINGS), images, 4)
    stop_at(parent, images, 20)
    before = contents(parent)
    fork = fork_snapshot(parent, parent.path.parent, None, {}, None, 0.4)
    assert contents(parent) == before
    config, state = fork.config(), load_state(fork)
    assert config.forked_from is not None
    assert config.forked_from.words == "forked from parent at epoch 0.36, from a snapshot"
    assert (config.seed, config.forked_from.changed) == (1, ("seed",))
    assert state is not None
    assert (state.epoch, state.batch, state.skipped, state.optimizer["state"]) == (0, 4, 128, {})
    assert [line["step"] for line in lines(fork)] == [*range(1, 5), 4]
    assert [snapshot.step for snapshot in snapshots_of(fork)] == [1, 2, 3, 4]
    trainers.train(fork, images, 2)
    trainers.train(fork, images)
    first = lines(fork, "epoch")[0]
    assert (first["step"], len(lines(fork, "epoch"))) == (STEPS, 3)
    trainer = trainers.train(fork, images)
    assert "compiled" in trainer.method
    nothing = {"batch": STEPS, "skipped": 330, "permutation": torch.arange(330)}
    with pytest.raises(ValueError, match="its sums are over 0 images after 11 batches"):
        state.model_copy(update=nothing).check(trainer.model, 330, 32)


def test_what_is_part_of_the_state_cannot_be_another(make_run: MakeRun, images: ImageSet) -> None:
    parent = stop_at(make_run("parent", **SETTINGS), images, 5)
    before = sorted(parent.path.parent.iterdir())

    def refuse(**wanted: object) -> str:
        with pytest.raises(ConfigError) as refused:
            fork_newest(parent, parent.path.parent, None, wanted, None)
        return str(refused.value)

    assert refuse(preset="ae") == "preset stays vae in a fork of this run: its weights are of it"
    assert refuse(batch_size="64") == ("batch size stays 32 in a fork of this run: steps are counted in it")
    assert "seed stays 0" in refuse(seed=3)
    assert refuse(beta="-1") == "beta must be at least 0, not -1"
    assert sorted(parent.path.parent.iterdir()) == before
    assert fork_newest(parent, parent.path.parent, None, {"seed": "0", "preset": "vae"}, None).name == "parent-fork"


def test_a_finished_run_is_forked_with_more_epochs_only(make_run: MakeRun, images: ImageSet) -> None:
    parent = stop_at(make_run("parent", **SETTINGS | {"epochs": 1}), images, 100)
    with pytest.raises(ConfigError, match="epochs must be more than the 1 that parent has done by then, not 1"):
        fork_newest(parent, parent.path.parent, None, {}, None)
    fork_newest(parent, parent.path.parent, None, {"epochs": 2}, None)
    with pytest.raises(RunError, match="has saved no state yet"):
        fork_newest(make_run("new", **SETTINGS), parent.path.parent, None, {}, None)


def test_a_snapshot_that_cannot_be_read_is_left_out_and_a_folders_name_becomes_one_for_a_run(
    make_run: MakeRun, images: ImageSet, runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = stop_at(make_run("parent", **SETTINGS), images, 4)
    parent = Run(parent.path.rename(runs_dir / "we ird"))
    before = snapshots_of(parent)
    damaged = before[1].path
    with damaged.open("r+b") as file:
        file.truncate(1 << 29)
    fork = fork_newest(parent, runs_dir, None, {}, None)
    assert fork.name == "we-ird-fork"
    assert [snapshot.step for snapshot in snapshots_of(fork)] == [before[0].step, *(each.step for each in before[2:])]
    said = capsys.readouterr().out
    assert said.startswith(f"a snapshot of we ird cannot be read and is left out: snapshots: {damaged.name}: ")
    assert said.count("\n") == 1
    with pytest.raises(DamagedFile):
        fork_snapshot(parent, runs_dir, None, {}, None, before[1].epoch)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("model", "no finite numbers"),
        ("batch", "batch 999 of 11"),
        ("optimizer", "state of this run"),
        ("order", "of 99"),
    ],
)
def test_a_state_that_no_trainer_goes_on_from_makes_no_fork(
    part: str, said: str, make_run: MakeRun, images: ImageSet, runs_dir: Path
) -> None:
    parent = stop_at(make_run("parent", **SETTINGS), images, 4)
    state = load_state(parent)
    assert state is not None
    broken: dict[str, dict[str, object]] = {
        "model": {"model": {name: tensor * torch.nan for name, tensor in state.model.items()}},
        "batch": {"batch": 999},
        "optimizer": {"optimizer": {"state": {}}},
        "order": {"permutation": torch.arange(99)},
    }
    save_state(parent, state.model_copy(update=broken[part]))
    with pytest.raises(DamagedFile, match=said):
        fork_newest(parent, runs_dir, None, {}, None)
    assert [path.name for path in runs_dir.iterdir()] == ["parent"]


def test_a_full_disk_leaves_no_fork(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch, runs_dir: Path
) -> None:
    parent = stop_at(make_run("parent", **SETTINGS), images, 5)

    def refuse(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Run, "write_state", refuse)
    with pytest.raises(RunError, match="No space left on device"):
        fork_newest(parent, runs_dir, None, {}, None)
    assert [path.name for path in runs_dir.iterdir()] == ["parent"]
