"""One image: its reconstruction, its latent, samples of its posterior."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DamagedFile
from tests.support.explorers import FakeExplorer
from tests.support.readers import Readers
from tests.support.screens import answered, feed, opened, press, screen_text, shown, until
from tests.support.snapshots import OTHER, make_run_update
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.screens.inspect.image import ImageDetailScreen
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.reconstruct import ReconstructScreen


async def test_enter_zooms_in_and_escape_comes_back_to_the_image_seen_last(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "right", "right", "enter")
        screen = run_app.screen
        assert isinstance(screen, ImageDetailScreen)
        assert screen.detail is not None
        assert screen.detail.index == 2
        before = screen.detail.samples
        await press(pilot, "greater_than_sign")
        assert (screen.detail.samples != before).any()
        assert " -2.9" in screen_text(run_app) or "-3.0" in screen_text(run_app)
        await press(pilot, "v")
        assert "0.2" in screen_text(run_app)
        await press(pilot, *(["right"] * 5), "escape")
        assert isinstance(run_app.screen, ReconstructScreen)
        assert run_app.screen.place == 7


async def test_a_closer_look_at_a_run_ends_when_another_is_shown(run_app: VaeTui) -> None:
    async with run_app.run_test() as pilot:
        await press(pilot, "3", "enter")
        assert isinstance(run_app.screen, ImageDetailScreen)
        run_app.selected_run = OTHER
        await pilot.press("4", "3")
        await until(pilot, lambda: isinstance(run_app.screen, ReconstructScreen) or None, "the end of the closer look")


async def test_a_closer_look_says_what_does_not_fit(app: VaeTui) -> None:
    async with opened(app, "3", "enter", size=(40, 12)) as pilot:
        assert "22 lines show latent and samples" in screen_text(app)
        assert "channel" not in screen_text(app)
        await pilot.resize_terminal(80, 22)
        await answered(pilot)
        assert "22 lines" not in screen_text(app)
        assert "channel 3" in screen_text(app)


async def test_a_closer_look_names_what_its_numbers_are(app: VaeTui) -> None:
    async with opened(app, "3", "enter") as pilot:
        assert "channel 0 mean" in screen_text(app)
        await press(pilot, "v")
        assert "channel 0 spread" in screen_text(app)
        assert "mean" not in screen_text(app)


async def test_a_posterior_that_is_a_point_has_no_samples(app: VaeTui, explorer: FakeExplorer) -> None:
    explorer.spread = 0.0
    async with opened(app, "3", "enter") as pilot:
        await press(pilot, "v")
        shown = screen_text(app)
        assert "channel 0" in shown
        assert not any(word in shown for word in ("posterior", "spread", "resample"))


async def test_nothing_of_an_image_stays_when_its_weights_are_damaged(
    app: VaeTui, explorer: FakeExplorer, updates: Readers[RunUpdate]
) -> None:
    async with opened(app, "3", "enter") as pilot:
        explorer.fail = DamagedFile(Path("model.safetensors"), "holds no vae model")
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert "holds no vae model" in screen_text(app)
        assert "channel" not in screen_text(app)
        assert "squared error" not in screen_text(app)
        explorer.fail = None
        await press(pilot, "right")
        assert "channel 0 mean" in screen_text(app)


async def test_the_image_before_the_first_and_after_the_last_are_the_same(app: VaeTui) -> None:
    async with opened(app, "3", "enter", "left", "left") as pilot:
        assert shown(app, ImageDetailScreen).place == 0
        await press(pilot, "escape", "end", "enter")
        await press(pilot, "right")
        assert shown(app, ImageDetailScreen).place == FakeExplorer.TOTAL - 1
        await press(pilot, "t")
        assert shown(app, LatentPathScreen).start[0] == pytest.approx((204 - 32) / 10)
        await press(pilot, "escape", "escape")
        assert shown(app, ReconstructScreen).place == FakeExplorer.TOTAL - 1
