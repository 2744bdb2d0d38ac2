"""The queue in the app: a form has a run wait, keys move it and take it out, and an open app starts what waits."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

import tui.app
from core.jobs import launch
from core.jobs.queue import starting, trainers, waiting
from core.jobs.queue.register import read_register
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from tests.support.screens import MakeApp, press, screen_text, settle, until
from tui.app import VaeTui
from tui.background.snapshots import RunReader
from tui.screens.dialogs import Confirm
from tui.screens.runs.starting import Starter
from tui.screens.runs.training import TrainingScreen

WaitUntil = Callable[..., None]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of the runs for which a trainer was started, none of which trains."""
    names: list[str] = []
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(trainers, "usual_at_once", lambda device: 1)
    folder = tmp_path / "checkpoints"
    seen = lambda: [trainers.SeenTrainer((str(folder / name),)) for name in names]  # noqa: E731
    monkeypatch.setattr(starting, "trainers_here", seen)

    def start(run: Run, *arguments: Any, **options: Any) -> None:
        names.append(run.name)

    monkeypatch.setattr(launch, "start", start)
    return names


def enqueue(runs_dir: Path, *names: str) -> list[Run]:
    runs = [Run.create(runs_dir, name, make_config(device="cpu")) for name in names]
    for run in runs:
        waiting.enqueue(run)
    return runs


def places(app: VaeTui) -> str:
    """The places in the queue, from the top of the list to the bottom."""
    return "".join(re.findall("queued ([0-9])", screen_text(app)))


async def test_the_form_has_a_run_wait(make_app: MakeApp, started: list[str], tmp_path: Path) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await settle(pilot)
        await pilot.press("ctrl+n")
        await settle(pilot)
        assert isinstance(app.screen, TrainingScreen)
    (run,) = (tmp_path / "checkpoints").iterdir()
    assert (Run(run).state(), started) == (State.QUEUED, [run.name])


def test_the_screen_of_a_run_says_why_it_does_not_begin(tmp_path: Path, started: list[str]) -> None:
    _, two = enqueue(tmp_path / "checkpoints", "one", "two")
    starting.start_waiting()
    snapshot = RunReader(two, waiting.standing).poll()
    assert snapshot is not None
    assert snapshot.waits == "number 2 in the queue: 1 run trains on the processor, room for 1"


async def test_a_key_pauses_the_queue_and_goes_on_with_it_and_every_app_says_so(
    tmp_path: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tui.app, "QUEUE_SECONDS", 0.05)
    waiting.set_paused(True)
    enqueue(tmp_path / "checkpoints", "one", "two")
    app = VaeTui(tmp_path / "checkpoints", tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "the queue is paused: nothing that waits begins" in screen_text(app), "a line")
        assert (places(app), started) == ("21", [])
        await press(pilot, "P")
        await until(pilot, lambda: started == ["one"], "a trainer")
        await until(pilot, lambda: "the queue is paused" not in screen_text(app), "no line")
        await press(pilot, "P")
        await until(pilot, lambda: "P goes on with it" in screen_text(app), "the line again")
    assert read_register().paused


async def test_keys_move_a_run_in_the_queue_and_take_it_out(tmp_path: Path, started: list[str]) -> None:
    enqueue(tmp_path / "checkpoints", "one", "two", "three")
    app = VaeTui(tmp_path / "checkpoints", tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: places(app) == "321", "the list")
        await press(pilot, "home", "[")
        await until(pilot, lambda: places(app) == "231", "another place")
        await press(pilot, "[")
        await until(pilot, lambda: places(app) == "132", "the first place")
        await press(pilot, "]")
        await until(pilot, lambda: places(app) == "231", "another place")
        await press(pilot, "s")
        await settle(pilot)
        assert isinstance(app.screen, Confirm)
        await press(pilot, "y")
        await settle(pilot)
    assert [each.run.name for each in starting.waiting_runs(tmp_path / "checkpoints")] == ["one", "two"]


async def test_an_open_app_starts_what_waits(
    tmp_path: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = enqueue(tmp_path / "checkpoints", "one", "two")
    monkeypatch.setattr(tui.app, "QUEUE_SECONDS", 0.05)
    app = VaeTui(tmp_path / "checkpoints", tmp_path)
    async with app.run_test() as pilot:
        await pilot.pause(0.5)
        await settle(pilot)
        assert started == [one.name]


def test_an_open_app_says_once_why_a_run_cannot_be_started(
    tmp_path: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(run: Run, *arguments: Any, **options: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(run.log_path))

    (one,) = enqueue(tmp_path / "checkpoints", "one")
    monkeypatch.setattr(launch, "start", start)
    said: list[str] = []
    starter = Starter(tmp_path / "checkpoints", said.append, lambda paused: None)
    starter()
    starter()
    assert said == [f"one could not be started: {one.log_path}: Read-only file system"]


def test_an_open_app_does_not_look_again_while_a_folder_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    looks: list[list[Path]] = []
    gate = Event()

    def hang(folders: list[Path]) -> None:
        looks.append(folders)
        assert gate.wait(10)

    monkeypatch.setattr(starting, "start_waiting", hang)
    starter = Starter(tmp_path, lambda text: None, lambda paused: None)
    threads = [Thread(target=starter) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: sum(thread.is_alive() for thread in threads) == 1)
    finally:
        gate.set()
        for thread in threads:
            thread.join()
    starter()
    assert looks == [[tmp_path], []]
