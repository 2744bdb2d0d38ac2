"""Runs that wait are started in turn where there is room, by whoever looks, and each once."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunError
from core.jobs import launch
from core.jobs.queue import starting, trainers, waiting
from core.jobs.queue.register import Register, locked, read_register, write_register
from core.jobs.queue.starting import start_waiting, waiting_runs
from core.jobs.queue.trainers import Devices, SeenTrainer
from core.runs.catalog import newest_first, summarise, with_places
from core.runs.keeping.queued import QUEUED, read_entry, write_entry
from core.runs.run import Run
from core.runs.status import State
from core.runs.watching import Catalog

MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def own_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(trainers, "usual_at_once", lambda device: 1)


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> list[SeenTrainer]:
    """The trainers that are seen on the machine; one that is started is there at once."""
    seen: list[SeenTrainer] = []

    def start(
        run: Run, threads: int, others: Sequence[Run], data_dir: Path, device: str | None, from_queue: bool
    ) -> None:
        seen.append(SeenTrainer(tuple(str(each.path) for each in (run, *others)), device or ""))

    monkeypatch.setattr(launch, "start", start)
    monkeypatch.setattr(starting, "trainers_here", lambda: [*seen])
    monkeypatch.setattr(trainers, "gpus", list)
    return seen


@pytest.fixture
def queued(make_run: MakeRun) -> list[Run]:
    runs = [make_run(name) for name in ("one", "two", "three")]
    for run in runs:
        waiting.enqueue(run)
    return runs


def names(runs_dir: Path) -> list[str]:
    return [each.run.name for each in waiting_runs(runs_dir)]


def end(run: Run, at_work: list[SeenTrainer], state: State = State.FINISHED) -> None:
    """Its trainer says how it ended, but is killed before it takes the run out of the queue."""
    entry = read_entry(run.path)
    run.write_status(run.status().updated(state=state, queued=None if entry is None else entry.id))
    at_work[:] = [each for each in at_work if str(run.path) not in each.folders]


def test_runs_are_started_in_turn_where_there_is_room(
    queued: list[Run], runs_dir: Path, at_work: list[SeenTrainer]
) -> None:
    one, two, three = queued
    assert one.state() is State.QUEUED
    assert start_waiting() == [one]
    assert start_waiting() == [], "it is being started, and there is no room for another"
    end(one, at_work)
    assert start_waiting() == [two]
    end(two, at_work, State.STOPPED)
    assert (one.path / QUEUED).exists() is False, "what its trainer did not do is done"
    waiting.set_at_once(2)
    assert [each.folders for each in at_work] == [(str(three.path),)]
    end(three, at_work, State.FAILED)
    assert start_waiting() == []
    assert (names(runs_dir), read_register()) == ([], Register(at_once=2))


def test_while_the_queue_is_paused_nothing_begins_whatever_ends(
    queued: list[Run], runs_dir: Path, at_work: list[SeenTrainer]
) -> None:
    one, two, three = queued
    assert start_waiting() == [one]
    waiting.set_paused(True)
    end(one, at_work)
    assert starting.hand_on([one]) == []
    starting._kept.pop().release()
    waiting.set_at_once(3)
    assert (at_work, names(runs_dir)) == ([], ["two", "three"])
    assert starting.reasons(waiting_runs(runs_dir)) == {two: starting.PAUSED, three: starting.PAUSED}
    waiting.set_paused(False)
    assert [each.folders for each in at_work] == [(str(two.path),), (str(three.path),)]


def test_a_run_that_was_lost_is_started_again_and_not_for_ever(queued: list[Run], at_work: list[SeenTrainer]) -> None:
    one = queued[0]
    for _ in range(starting.MOST_TRIES):
        assert start_waiting() == [one]
        end(one, at_work, State.RUNNING)  # which nobody trains
        assert one.state() is State.QUEUED
    assert start_waiting() == [queued[1]]
    assert (one.state(), (one.path / QUEUED).exists()) == (State.LOST, False)
    reason = "its trainer ended 5 times before it was done: it wrote nothing into its log, as where it was killed"
    assert one.status().error == f"taken out of the queue: {reason}"


def refuse(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, about: Run, number: int) -> None:
    """Have what is done to that run fail as a disk or the system fails; to others it is done."""
    does = getattr(owner, name)

    def refusing(run: Run | Path, *arguments: Any, **options: Any) -> Any:
        if run in (about, about.path):
            raise OSError(number, os.strerror(number), str(about.path))
        return does(run, *arguments, **options)

    monkeypatch.setattr(owner, name, refusing)


def test_a_run_that_the_disk_does_not_let_start_holds_nobody_up_is_not_blamed_and_says_why(
    queued: list[Run], runs_dir: Path, at_work: list[SeenTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = queued
    with monkeypatch.context() as patch:
        refuse(patch, launch, "start", one, errno.EROFS)
        assert start_waiting() == [two], "in the room that one did not take"
        waiting.set_at_once(3)
        for _ in range(starting.MOST_TRIES):
            assert start_waiting() == []
        refusal = f"one could not be started: {one.path}: Read-only file system"
        started = dict.fromkeys((two, three), starting.STARTS)
        assert starting.reasons(waiting_runs(runs_dir)) == {one: refusal} | started
        assert waiting.standing(one) == f"number 1 in the queue: {refusal}"
    waiting.set_at_once(2)
    assert (start_waiting(), read_register().refusals) == ([], {}), "it waits for room, whatever was in its way"
    waiting.set_at_once(3)
    assert starting.reasons(waiting_runs(runs_dir))[one] == starting.STARTS
    assert (read_register().refusals, one.status().error) == ({}, None)


def test_a_run_that_cannot_be_taken_out_holds_nobody_up_and_says_why(
    queued: list[Run], runs_dir: Path, at_work: list[SeenTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, _ = queued
    (one.path / "config.json").write_text("{")
    with monkeypatch.context() as patch:
        refuse(patch, starting, "remove_entry", one, errno.EACCES)
        assert start_waiting() == [two]
        said = starting.reasons(waiting_runs(runs_dir))[one]
        assert said.startswith(f"one cannot be taken out of the queue: {one.path}: Permission denied; one: config.json")
    assert start_waiting() == []
    assert (read_register().refusals, names(runs_dir)) == ({}, ["two", "three"])


def test_a_run_that_cannot_be_read_holds_nobody_up_and_its_folder_stays_known(
    queued: list[Run], runs_dir: Path, at_work: list[SeenTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for run in queued[:2]:
            refuse(patch, Run, "observe", run, errno.EIO)
        assert start_waiting() == [queued[2]]
        problems: dict[str, str] = {}
        waiting_runs(runs_dir, problems)
        assert problems == {run.name: f"{run.path}: Input/output error" for run in queued[:2]}
        refuse(patch, Run, "observe", queued[2], errno.EIO)
        at_work.clear()
        assert start_waiting() == [], "all of a server that is away"
    assert start_waiting() == [queued[0]]


def test_a_run_that_trains_is_not_taken_out_but_stopped(queued: list[Run]) -> None:
    one = queued[0]
    log = one.open_metrics()
    one.write_status(one.status().updated(state=State.RUNNING, host=socket.gethostname(), pid=os.getpid()))
    with pytest.raises(RunError, match="it trains: vae-tui control one stop"):
        waiting.leave(one)
    log.close()


def test_a_run_is_moved_and_taken_out(queued: list[Run], runs_dir: Path) -> None:
    one, two, three = queued
    assert waiting.move(three, -1) == 2
    assert names(runs_dir) == ["one", "three", "two"]
    assert waiting.move(two, -9) == 1
    assert waiting.move(two, 1) == 2
    assert names(runs_dir) == ["one", "two", "three"]
    assert waiting.move(one, 9) == 3
    waiting.leave(two)
    assert names(runs_dir) == ["three", "one"]
    assert (two.state(), waiting.place_of(two), waiting.place_of(one)) == (State.CREATED, None, 2)
    with pytest.raises(RunError, match="two does not wait in the queue"):
        waiting.move(two, 1)


def test_a_list_numbers_what_waits(queued: list[Run], runs_dir: Path) -> None:
    look = Catalog(runs_dir)
    assert {each.run.name: each.place for each in look.look()} == {"one": 1, "two": 2, "three": 3}
    seen = look.look()
    assert [one is other for one, other in zip(seen, look.look(), strict=True)] == [True] * 3
    waiting.leave(queued[0])
    found = newest_first(with_places([summarise(run) for run in queued]))
    assert {each.run.name: each.place for each in found} == {"one": None, "two": 1, "three": 2}
    assert json.loads(json.dumps(found[0].as_json()))["queue_place"] == 2


def test_an_entry_belongs_to_its_host_and_its_user(
    queued: list[Run], at_work: list[SeenTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = read_entry(queued[0].path)
    assert entry is not None
    write_entry(queued[0].path, entry.model_copy(update={"host": "elsewhere"}))
    assert queued[0].state() is State.QUEUED
    assert start_waiting() == [queued[1]]
    at_work.clear()
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert start_waiting() == []


def test_of_two_who_look_at_once_one_starts(queued: list[Run], at_work: list[SeenTrainer]) -> None:
    with locked(0):
        assert start_waiting() == []
    assert start_waiting() == [queued[0]]


def test_a_folder_that_nobody_knows_is_found_by_who_looks_there(
    queued: list[Run], runs_dir: Path, at_work: list[SeenTrainer]
) -> None:
    write_register(Register())
    assert start_waiting() == []
    assert start_waiting([runs_dir]) == [queued[0]]
    assert read_register().folders == (str(runs_dir),)


def test_a_run_that_this_version_cannot_train_holds_nobody_up(queued: list[Run], at_work: list[SeenTrainer]) -> None:
    path = queued[0].path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"preset": "newer"}))
    assert start_waiting() == [queued[1]]
    assert "taken out of the queue: one was written by a newer version" in (queued[0].status().error or "")


def test_a_damaged_entry_is_named_and_no_run_is_lost_by_it(queued: list[Run], runs_dir: Path) -> None:
    (queued[0].path / QUEUED).write_text("{")
    problems: dict[str, str] = {}
    assert [each.run.name for each in waiting_runs(runs_dir, problems)] == ["two", "three"]
    assert list(problems) == ["one"]
    assert summarise(queued[0]).state is State.CREATED


@pytest.mark.parametrize(
    ("wanted", "seen", "takes"),
    [
        ({"device": "auto"}, [], ["cuda:0", "cuda:1", None]),
        ({"device": "cuda:1"}, [], ["cuda:1", None]),
        ({"device": "cuda"}, ["cuda:0"], ["cuda:1", None]),
        ({"device": "cpu"}, ["cuda:0"], ["cpu", None]),
        ({"device": "auto", "processes": 2}, [], ["", None]),
        ({"device": "auto", "processes": 2}, ["cuda:1"], [None]),
        ({"device": "cuda:7"}, [], ["cuda:7", "cuda:7"]),  # the trainer says that there is none
    ],
)
def test_a_run_takes_a_device_that_has_room(
    wanted: dict[str, object],
    seen: list[str],
    takes: list[str | None],
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainers, "gpus", lambda: ["cuda:0", "cuda:1"])
    devices = Devices(None, [SeenTrainer(("/elsewhere",), device) for device in seen])
    config = make_run(**wanted).config()
    assert [devices.take(config) for _ in takes] == takes


@pytest.mark.parametrize(("gpus", "groups"), [(1, [8, 4]), (2, [6, 6]), (3, [4, 4, 4])])
def test_runs_that_can_share_a_step_are_trained_by_one_process_a_gpu(
    gpus: int,
    groups: list[int],
    make_run: MakeRun,
    at_work: list[SeenTrainer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainers, "gpus", lambda: [f"cuda:{number}" for number in range(gpus)])
    other = make_run("other", device="auto", batch_size=64)
    runs = [make_run(f"run-{seed}", device="auto", seed=seed) for seed in range(12)]
    for run in (*runs, other):
        waiting.enqueue(run)
    start_waiting()
    assert [len(each.folders) for each in at_work] == groups[:gpus]
    assert [each.device for each in at_work] == [f"cuda:{number}" for number in range(gpus)]
    for folder in at_work[0].folders:
        end(Run(Path(folder)), at_work)
    assert start_waiting() == ([*runs[8:]] if gpus == 1 else [other]), "the next turn"
