"""Paths through the latent space, as strips and as a film."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from textual.widgets import Input

from core.arrays import Floats
from core.explorer.results import Samples
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import Readers
from tests.support.screens import answered, feed, opened, press, screen_text, shown, until
from tests.support.snapshots import RUN, make_run_update
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.sample import SampleScreen
from tui.widgets.gallery import Gallery


async def test_one_latent_number_is_varied(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "right", "down", "t")
        screen = run_app.screen
        assert isinstance(screen, LatentPathScreen)
        assert "z0 (channel 0, row 0, column 0), from -3 to +3" in screen_text(run_app)
        assert "z3 -3.0" in screen_text(run_app)
        await press(pilot, "down", "down")
        assert screen.line == 2
        await press(pilot, "number_sign")
        run_app.screen.query_one(Input).value = "39"
        await press(pilot, "enter")
        assert "z39 (channel 2, row 1, column 3)" in screen_text(run_app)
        assert explorers[RUN].asked[-1] == ("traversal", 39, 7)
        await press(pilot, "escape")
        assert isinstance(run_app.screen, SampleScreen)
        assert run_app.screen.chosen == 9


async def test_where_a_way_begins_is_seen_before_the_latents_that_its_steps_need_are_encoded(
    run_app: VaeTui, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded, activity = threading.Event(), FakeExplorer.activity

    def wait(explorer: FakeExplorer) -> Floats:
        encoded.wait(10)
        return activity(explorer)

    monkeypatch.setattr(FakeExplorer, "activity", wait)
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        await pilot.press("t")
        await until(pilot, lambda: "from here" in screen_text(run_app), "where it begins")
        encoded.set()
        await until(pilot, lambda: "z0 -3.0" in screen_text(run_app), "the way")
        assert "from here" not in screen_text(run_app)


async def test_the_training_images_nearest_to_a_digit_stand_beside_its_paths(
    run_app: VaeTui, explorers: FakeExplorers
) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        explorers[RUN].classes = tuple("abcdefghij")
        await press(pilot, "t")
        text = screen_text(run_app)
        assert "training images" in text
        assert all(caption in text for caption in ("0 a  1.0", "1 b  1.5", "2 c  2.0", "3 d  2.5"))
        start = shown(run_app, LatentPathScreen).start
        assert [asked for asked in explorers[RUN].asked if asked[0] == "neighbours"] == [("neighbours", 1, 4)]
        assert any(asked[0] == "decode" and np.array_equal(asked[1], start[None]) for asked in explorers[RUN].asked)
        await press(pilot, "number_sign")
        run_app.screen.query_one(Input).value = "39"
        await press(pilot, "enter")
        assert explorers[RUN].times("neighbours") == 1
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "3 d  2.5" in screen_text(run_app), "four of them in two columns")
        await pilot.resize_terminal(40, 12)
        await until(pilot, lambda: "training images" not in screen_text(run_app), "room for the paths")


async def test_nothing_is_nearest_to_a_way_between_two_digits(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "space", "right", "t")
        assert shown(run_app, LatentPathScreen).end is not None
        assert "training images" not in screen_text(run_app)
        assert explorers[RUN].times("neighbours") == 0


async def test_the_latent_numbers_that_say_most_come_first(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        explorers[RUN].activities = np.where(np.arange(64) % 16 == 5, np.arange(64) / 10, 0.001)
        await press(pilot, "t")
        assert "z53 (channel 3, row 1, column 1)" in screen_text(run_app)
        assert "from -3 to +3 σ; 4 of 64 active" in screen_text(run_app)
        assert [asked[1] for asked in explorers[RUN].asked if asked[0] == "traversal"] == [53, 37, 21, 5]
        await press(pilot, "down")
        assert "z37 (" in screen_text(run_app)
        await press(pilot, "number_sign")
        assert run_app.screen.query_one(Input).value == "37"
        run_app.screen.query_one(Input).value = "0"
        await press(pilot, "enter")
        assert shown(run_app, LatentPathScreen).line == 4
        await press(pilot, "a")
        assert explorers[RUN].asked[-1][:2] == ("traversal", 0)


async def test_a_walk_needs_two_digits_and_shows_both_ways(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "space", "space", "right")
        assert isinstance(run_app.screen, SampleScreen)
        assert run_app.screen.marks == ()
        await press(pilot, "space", "right")
        assert "t walks from the marked digit" in screen_text(run_app)
        await press(pilot, "space", "t")  # the second digit marked or not
        assert isinstance(run_app.screen, LatentPathScreen)
        assert [asked[2] for asked in explorers[RUN].asked[-2:]] == ["straight", "spherical"]
        assert "line 0%" in screen_text(run_app)
        assert "arc 0%" in screen_text(run_app)


async def test_an_animation_runs_only_when_it_is_asked_for(run_app: VaeTui, explorers: FakeExplorers) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "4", "t")
        screen = run_app.screen
        assert isinstance(screen, LatentPathScreen)
        film = screen.query_one("#film", Gallery)
        assert screen._player is None
        assert film._tiles is None
        await press(pilot, "a")
        await until(pilot, lambda: film._tiles is not None, "the first frame")
        first = film._tiles
        assert first is not None
        await until(pilot, lambda: film._tiles is not None and (film._tiles != first).any(), "another frame")
        await press(pilot, "a")
        assert screen._player is None
        last = film._tiles
        await pilot.pause(3 * run_app.shared.timing.frame)
        assert film._tiles is last
        await press(pilot, "a", "escape")
        assert isinstance(run_app.screen, SampleScreen)


async def test_paths_that_are_late_keep_their_names(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4", "t") as pilot:
        explorer.gate.clear()
        await pilot.press("down", "down")  # behind the second, which is the last that fits
        await until(pilot, lambda: explorer.asked[-1] == ("activity",), "the question")
        await pilot.press("down")
        before = app.screen.query_one("#strips", Gallery)._captions
        assert {caption[:3] for caption in before if "z" in caption} <= {"z0 ", "z1 "}
        explorer.gate.set()
        await answered(pilot)
        assert "▸z3" in screen_text(app)


async def test_there_are_64_latent_numbers(app: VaeTui) -> None:
    async with opened(app, "4", "t", "up") as pilot:
        walk = shown(app, LatentPathScreen)
        assert walk.line == 0
        await press(pilot, "pagedown")
        assert walk.line == 2
        await press(pilot, "number_sign")
        app.screen.query_one(Input).value = "62"
        await press(pilot, "enter", "pagedown", "pagedown")
        assert walk.line == 63
        await press(pilot, "number_sign")
        app.screen.query_one(Input).value = "64"
        await pilot.press("enter")
        assert "a whole number from 0 to 63" in screen_text(app)


async def test_a_walk_between_two_digits_has_no_numbers_to_go_to(app: VaeTui) -> None:
    async with opened(app, "4", "space", "right", "t") as pilot:
        await press(pilot, "number_sign", "pagedown", "down", "down")
        assert shown(app, LatentPathScreen).line == 1
        assert "on an arc around the mean" in screen_text(app)


async def test_a_film_follows_the_chosen_path_and_newer_weights(
    app: VaeTui, explorer: FakeExplorer, updates: Readers[RunUpdate]
) -> None:
    async with opened(app, "4", "t", "a") as pilot:
        assert explorer.asked[-1] == ("traversal", 0, 25)
        await press(pilot, "down")
        assert explorer.asked[-1] == ("traversal", 1, 25)
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert [asked for asked in explorer.asked if asked[0] == "traversal"][-1] == ("traversal", 1, 25)
        assert explorer.times("neighbours") == 2
        assert explorer.asked.count(("traversal", 1, 25)) == 2


async def test_a_film_that_is_no_longer_wanted_does_not_begin(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4", "t") as pilot:
        explorer.gate.clear()
        await pilot.press("a", "a")
        explorer.gate.set()
        await answered(pilot)
        walk = shown(app, LatentPathScreen)
        assert walk._player is None
        assert walk.query_one("#strips").display


async def test_no_film_goes_on_behind_another_screen(app: VaeTui) -> None:
    async with opened(app, "4", "t", "a") as pilot:
        walk = shown(app, LatentPathScreen)
        assert walk._player is not None
        await press(pilot, "number_sign", "escape")
        assert walk._player is not None  # a question stands in front of it for a moment
        await press(pilot, "3")
        assert walk._player is None
        await press(pilot, "4")
        assert "▸z0" in screen_text(app)


async def test_a_number_that_changes_nothing_here_is_told_from_one_that_is_inactive(
    app: VaeTui, explorer: FakeExplorer
) -> None:
    decoded = explorer.traversal

    def traversal(z: Floats, number: int, steps: int) -> Samples:
        path = decoded(z, number, steps)
        return path if number == 0 else replace(path, images=np.repeat(path.images[:1], steps, axis=0))

    explorer.traversal = traversal  # type: ignore[method-assign]
    explorer.activities = np.array([1.0, 1.0, *[0.0] * 62])
    async with opened(app, "4", "t", size=(120, 40)) as pilot:
        assert all(caption in screen_text(app) for caption in ("z0 -3.0", "z1 no change", "z2 inactive"))
        await press(pilot, "down")
        assert "(channel 0, row 0, column 1), changes nothing near this digit; 2 of 64 active" in screen_text(app)
        await press(pilot, "down")
        assert "(channel 0, row 0, column 2), inactive; 2 of 64 active" in screen_text(app)
