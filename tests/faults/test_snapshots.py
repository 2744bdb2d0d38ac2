"""Trainers are killed while they write a snapshot, and disks refuse them: the run goes on, and none is half there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.config import make_config
from core.runs.run import Run
from core.runs.snapshots.folder import folder_of, snapshots_of
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.faults.test_disks import fill, mounted
from tests.support import run_files, trainers
from tests.support.trainers import Process

MakeRun = Callable[..., Run]


def is_being_written(run: Run) -> bool:
    """Whether a snapshot lies there under its temporary name."""
    try:
        return any(name.startswith(".") for name in os.listdir(folder_of(run)))  # noqa: PTH208 - many times a step
    except FileNotFoundError:
        return False


def test_a_trainer_killed_while_it_writes_one_leaves_none_half_and_goes_on_to_the_same(make_small_run: MakeRun) -> None:
    undisturbed, run = make_small_run("undisturbed"), make_small_run("killed")
    trainers.finish(undisturbed)
    half = 0
    for _ in range(4):
        process: Process = trainers.begin(run)
        trainers.wait_while_alive(process, lambda: is_being_written(run))
        run_files.kill(run, process)
        half += is_being_written(run)
        run_files.assert_sound(run)
    assert half, "no kill struck while one was written"
    trainers.finish(run)
    run_files.assert_same_training(run, undisturbed)
    assert not is_being_written(run)
    assert len(snapshots_of(run)) > 10


def test_a_run_whose_snapshots_cannot_be_written_trains_to_its_end_and_says_so(make_small_run: MakeRun) -> None:
    run, undisturbed = make_small_run("refused"), make_small_run("undisturbed")
    folder_of(run).touch()
    for each in (run, undisturbed):
        trainers.finish(each)
    run_files.assert_same_weights(run, undisturbed)
    assert snapshots_of(run) == ()
    log = run.log_path.read_text()
    assert log.count("cannot keep snapshots: another file has the name of their folder") == 1


def test_those_that_a_full_disk_refused_are_there_once_it_has_room(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 8) as disk:
        run = Run.create(disk, "a-run", make_config(preset="ae", dataset="mnist-5k", batch_size=10, device="cpu"))
        with run.open_metrics() as metrics:
            trainer = Trainer(run, cut_digits(60, 20), "cpu", metrics)
            steps = trainer.steps()
            next(steps)
            trainer.save()
            filler = fill(disk)
            while trainer.step < 5:
                next(steps)
            with pytest.raises(OSError, match="No space left"):
                trainer.save()
            assert trainer.snapshots.trouble == "cannot keep snapshots: No space left on device"
            filler.unlink()
            trainer.save()
        assert trainer.snapshots.trouble == ""
        assert [snapshot.step for snapshot in snapshots_of(run)] == [1, 2, 3, 4]
        run_files.assert_sound(run)
