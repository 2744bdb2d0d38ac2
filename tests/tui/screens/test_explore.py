"""What screens that look into a run do: they ask only for what is seen, and show only answers that are still true."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DamagedFile
from core.explorer.client import ExplorerProcess
from core.explorer.protocol import Report
from core.runs.run import Run
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import Readers
from tests.support.screens import MakeApp, answered, feed, opened, press, screen_text, until
from tests.support.snapshots import OTHER, RUN, make_run_update
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.screens.base import HIDDEN_SECONDS, SHOWN_SECONDS
from tui.screens.explore_base import ExploreScreen
from tui.screens.help.keys import Keys
from tui.screens.inspect.image import ImageDetailScreen
from tui.screens.inspect.path import LatentPathScreen


async def test_what_takes_long_is_said_until_it_is_there(run_app: VaeTui, explorers: FakeExplorers) -> None:
    explorer = explorers[RUN]
    explorer.gate.clear()
    async with run_app.run_test(size=(120, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: explorer.times("samples") or None, "the question")
        explorer.reports[-1]("encoding training images: 3,000 of 10,000")
        await pilot.pause()
        assert "encoding training images: 3,000 of 10,000" in screen_text(run_app)
        explorer.note = "on mnist-5k: no mnist on disk"
        explorer.gate.set()
        await answered(pilot)
        assert "encoding" not in screen_text(run_app)
        assert "on mnist-5k: no mnist on disk" in screen_text(run_app)
        await pilot.resize_terminal(66, 24)  # where the heading needs the room
        await answered(pilot)
        assert "on mnist-5k\n" in screen_text(run_app)
        assert "no mnist" not in screen_text(run_app)


async def test_newer_weights_are_looked_at_and_the_same_are_not_asked_for_again(
    run_app: VaeTui, explorers: FakeExplorers, updates: Readers[RunUpdate]
) -> None:
    explorer = explorers[RUN]
    async with run_app.run_test() as pilot:
        await press(pilot, "4")
        for weights, times in ((1, 1), (2, 2), (2, 2), (3, 3)):
            await feed(pilot, updates.last, make_run_update(weights_version=weights))
            assert explorer.times("samples") == times


async def test_an_answer_for_a_run_that_is_no_longer_shown_is_not_shown(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    slow = explorers[RUN]
    slow.gate.clear()
    async with run_app.run_test() as pilot:
        await pilot.press("4")
        await until(pilot, lambda: slow.times("samples") or None, "the question")
        run_app.selected_run = OTHER
        await pilot.pause()
        slow.fail = DamagedFile(Path("model.safetensors"), "is that of the run before")
        slow.gate.set()
        await answered(pilot)
        assert "the run before" not in screen_text(run_app)
        assert explorers[OTHER].times("samples") == 1


async def test_3_a_bug_in_an_answer_is_shown_in_its_place_and_the_app_goes_on(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    explorers[RUN].fail = ZeroDivisionError("a bug")
    async with run_app.run_test() as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "unexpected ZeroDivisionError: a bug" in screen_text(run_app))
        explorers[RUN].fail = None
        await press(pilot, "5")
        assert explorers[RUN].times("projection") == 1


async def test_a_screen_that_nobody_looks_at_asks_nothing_about_another_run(
    app: VaeTui, explorers: FakeExplorers
) -> None:
    async with app.run_test() as pilot:
        for key in "345672":
            await press(pilot, key)
        app.selected_run = OTHER
        await pilot.pause(0.1)
        assert explorers[OTHER].asked == []
        await press(pilot, "4")
        assert {asked[0] for asked in explorers[OTHER].asked} == {"samples"}
        assert "ae-mnist" in screen_text(app)
        await press(pilot, "5")
        assert explorers[OTHER].times("projection") == 1
        assert explorers[OTHER].times("page") == 0


async def test_a_screen_that_is_looked_at_again_asks_again_only_for_newer_weights(
    make_app: MakeApp, explorers: FakeExplorers, updates: Readers[RunUpdate]
) -> None:
    app = make_app(runs=[], explorer=explorers.of)
    async with opened(app, "4") as pilot:
        reader = updates.last
        await press(pilot, "5")
        await press(pilot, "4")
        assert explorers[RUN].times("samples") == 1
        await press(pilot, "5")
        reader.waiting.append(make_run_update(weights_version=2))
        await pilot.press("4")
        await until(pilot, lambda: explorers[RUN].times("samples") == 2, "the question for newer digits")


async def test_loading_pytorch_is_said_where_it_is_waited_for(
    tmp_path: Path, explorer: FakeExplorer, monkeypatch: pytest.MonkeyPatch, updates: Readers[RunUpdate]
) -> None:
    ready = threading.Event()

    def load(explorers: ExplorerProcess, run: Run, report: Report) -> FakeExplorer:
        report("loading PyTorch")
        assert ready.wait(10)
        return explorer

    monkeypatch.setattr(ExplorerProcess, "of", load)
    monkeypatch.setattr(ExplorerProcess, "prepare", lambda explorers: None)
    monkeypatch.setattr("tui.background.readers.RunUpdateReader", updates.open)
    app = VaeTui(tmp_path, Path("/data"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.selected_run = RUN
        await pilot.press("4")
        await until(pilot, lambda: "loading PyTorch" in screen_text(app).splitlines()[1], "the word")
        assert "opening the run" in screen_text(app)
        ready.set()
        await answered(pilot)
        assert "loading PyTorch" not in screen_text(app)
        assert "seed 0" in screen_text(app)


async def test_what_explores_is_started_ahead_of_questions_kept_while_it_is_shown_and_ended_with_the_app(
    app: VaeTui, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    monkeypatch.setattr("tui.app.UNUSED_SECONDS", 0.02)
    app._sources = replace(
        app._sources,
        prepare=lambda: heard.append("prepare"),
        end_unused=heard.append,
        close=lambda: heard.append("close"),
    )
    async with app.run_test() as pilot:
        await until(pilot, lambda: heard, "a look")
        assert set(heard) == {HIDDEN_SECONDS}
        for keys, seconds in (("2", SHOWN_SECONDS), ("3?", SHOWN_SECONDS), ("q1", HIDDEN_SECONDS)):
            for key in keys:
                await pilot.press({"?": "question_mark", "q": "escape"}.get(key, key))
            assert ("prepare" in heard) is (key != "1")
            heard.clear()
            await until(pilot, lambda: heard, "another look")
            assert set(heard) == {seconds}
    assert heard[-1] == "close"


async def test_progress_is_shown_by_the_screen_that_asked_and_by_no_other(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3") as pilot:
        explorer.gate.clear()
        await pilot.press("4")
        await until(pilot, lambda: explorer.times("samples"), "the question of the sample screen")
        report = explorer.reports[-1]
        await pilot.press("5")
        await until(pilot, lambda: explorer.times("projection"), "the question of the latent screen")
        report("encoding training images: 3,000 of 10,000")
        await pilot.pause()
        assert "encoding" not in screen_text(app)
        await pilot.press("4")
        await pilot.pause()
        assert "encoding training images: 3,000 of 10,000" in screen_text(app).splitlines()[1]
        explorer.gate.set()
        await answered(pilot)
        assert "encoding" not in screen_text(app)


async def test_what_was_said_of_work_goes_when_the_work_is_done(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4") as pilot:
        explorer.gate.clear()
        await pilot.press(">")
        await until(pilot, lambda: explorer.times("samples") == 2, "the question")
        explorer.reports[-1]("encoding training images: 9,000 of 10,000")
        await until(pilot, lambda: "encoding" in screen_text(app), "the words")
        screen = app.screen
        assert isinstance(screen, ExploreScreen) and screen._tasks
        screen._tasks.cancel_pending()
        screen.selected_run = OTHER  # so that the answer is not for this run any more
        explorer.gate.set()
        await until(pilot, lambda: "encoding" not in screen_text(app), "silence")


async def test_closed_screens_are_given_back(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3") as pilot:
        for _ in range(3):
            await press(pilot, "enter", "t", "escape", "escape", "question_mark", "escape")
        explorer.reports.clear()
        explorer.reports.clear()  # a real explorer lives as long as its task
        gc.collect()
        kept = [
            type(thing).__name__
            for thing in gc.get_objects()
            if isinstance(thing, ImageDetailScreen | LatentPathScreen | Keys)
        ]
        assert kept == []
