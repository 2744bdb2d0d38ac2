"""A training keeps snapshots beside its steps, and goes on where the disk refuses them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import files
from core.errors import Diverged
from core.runs.run import Run
from core.runs.snapshots.folder import file_name, folder_of, steps_in
from core.runs.snapshots.keeping import Keeper
from core.runs.snapshots.moments import kept_at

MakeRun = Callable[..., Run]
EPOCH, MOST = 20, 5


def make_keeper(run: Run, step: int = 0, most: int = MOST) -> Keeper:
    keeper = Keeper(run, EPOCH, most, ThreadPoolExecutor(1))
    keeper.begin(step)
    return keeper


def go_on(keeper: Keeper, steps: range) -> None:
    """Take what is due after each of these steps."""
    for step in steps:
        if keeper.is_due(step):
            keeper.keep(step, lambda step=step: b"%d" % step)  # type: ignore[misc]


def steps_of(run: Run) -> list[int]:
    return sorted(steps_in(folder_of(run)))


def test_they_are_thinned_as_the_run_grows_and_hold_the_weights_of_their_moment(make_run: MakeRun) -> None:
    run = make_run()
    keeper = make_keeper(run)
    for end in (1, 4, 20, 100, 400):
        go_on(keeper, range(end + 1))
        keeper.settle()
    assert steps_of(run) == sorted(kept_at(400, EPOCH, MOST))
    for step in steps_of(run):
        assert (folder_of(run) / file_name(step)).read_bytes() == b"%d" % step


def test_a_resumed_run_has_the_moments_of_one_that_went_straight_on(make_run: MakeRun) -> None:
    straight, killed = make_run("straight"), make_run("killed")
    keeper = make_keeper(straight)
    go_on(keeper, range(201))
    keeper.settle()
    for saved, reached in ((0, 3), (2, 34), (33, 40), (40, 190), (60, 200)):
        keeper = make_keeper(killed, saved)
        assert max(steps_of(killed), default=0) <= saved
        go_on(keeper, range(saved, reached + 1))
        keeper.settle()
    assert steps_of(killed) == steps_of(straight)


def test_one_that_a_kill_kept_from_being_written_is_taken_when_the_run_goes_on_at_its_step(make_run: MakeRun) -> None:
    run = make_run()
    keeper = make_keeper(run, step=19)  # a moment, saved just before its snapshot was taken
    assert keeper.is_due(19)
    go_on(keeper, range(19, 20))
    keeper.settle()
    assert not make_keeper(run, step=19).is_due(19)
    assert not make_keeper(run, step=20).is_due(20)  # which is none
    assert not any(make_keeper(run, most=0).is_due(step) for step in range(100))


def test_a_slow_disk_keeps_no_step_waiting_but_a_save_waits_for_it(make_run: MakeRun) -> None:
    run, gate = make_run(), threading.Event()
    keeper = make_keeper(run)

    def wait() -> bytes:
        gate.wait(30)
        return b"written"

    keeper.keep(1, wait)
    assert steps_of(run) == []
    threading.Timer(0.05, gate.set).start()
    keeper.settle()
    assert steps_of(run) == [1]


def test_what_the_disk_refused_is_written_once_it_can_be(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    keeper = make_keeper(run)

    def refuse(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(files, "replace", refuse)
        go_on(keeper, range(60))
        keeper.settle()
        assert keeper.trouble == "cannot keep snapshots: No space left on device"
        assert steps_of(run) == []
    keeper.settle()
    assert keeper.trouble == ""
    assert steps_of(run) == sorted(kept_at(57, EPOCH, MOST))


def test_a_save_brings_no_moment_to_the_disk_that_came_after_it(make_run: MakeRun) -> None:
    run, thread, free = make_run(), ThreadPoolExecutor(1), threading.Event()
    keeper = Keeper(run, EPOCH, MOST, thread)
    keeper.begin(0)
    thread.submit(free.wait, 30)
    thread.submit(keeper.write_waiting, 0)  # by a save that waits for the disk while training goes on
    go_on(keeper, range(5))
    free.set()
    keeper.settle()
    assert steps_of(run) == sorted(kept_at(4, EPOCH, MOST))


@pytest.mark.parametrize("stranger", ["a file", "a link"])
def test_what_has_the_name_of_the_folder_is_left_alone(make_run: MakeRun, tmp_path: Path, stranger: str) -> None:
    run, elsewhere = make_run(), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / file_name(9)).write_bytes(b"of another run")
    if stranger == "a file":
        folder_of(run).touch()
    else:
        folder_of(run).symlink_to(elsewhere)
    keeper = make_keeper(run)
    go_on(keeper, range(10))
    keeper.settle()
    assert keeper.trouble == "cannot keep snapshots: another file has the name of their folder"
    assert [path.name for path in elsewhere.iterdir()] == [file_name(9)]


def test_weights_that_are_not_finite_are_not_kept(make_run: MakeRun) -> None:
    run = make_run()
    keeper = make_keeper(run)

    def diverge() -> bytes:
        raise Diverged("the weights are no longer finite numbers at step 1")

    keeper.keep(1, diverge)
    keeper.settle()
    assert (steps_of(run), keeper.trouble) == ([], "")


def test_half_written_ones_of_a_killed_trainer_are_removed(make_run: MakeRun) -> None:
    run = make_run()
    keeper = make_keeper(run)
    go_on(keeper, range(10))
    keeper.settle()
    half = folder_of(run) / f".{file_name(10)}{files.TEMPORARY_MARK}0"
    half.write_bytes(b"half")
    make_keeper(run, 9)
    assert not half.exists()


def test_those_may_read_them_who_may_use_the_run_also_when_it_is_opened_later(make_run: MakeRun) -> None:
    run = make_run()
    keeper = make_keeper(run)
    go_on(keeper, range(3))
    keeper.settle()
    (path, *_) = steps_in(folder_of(run)).values()
    modes = [path.stat().st_mode & 0o777 for path in (folder_of(run), path)]
    assert modes == [0o700, 0o600]
    run.path.chmod(0o755)
    keeper.settle()
    modes = [path.stat().st_mode & 0o777 for path in (folder_of(run), path)]
    assert modes == [0o755, 0o644]
    os.chmod(run.path, 0o700)  # noqa: PTH101 - for the end of the test
