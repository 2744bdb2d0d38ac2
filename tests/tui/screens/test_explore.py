"""Screens that look into a run say only what is true of it, and ask only for what somebody looks at."""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Label

from core.errors import DamagedFile
from core.explorer.protocol import Report
from core.runs.run import Run
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import Readers
from tests.support.screens import MakeApp, answered, feed, screen_text, until
from tests.support.snapshots import make_run_update, make_summary
from tui.app import VaeTui
from tui.background.explorers import ExplorerCache
from tui.messages import RunUpdate
from tui.screens.dialogs import Keys
from tui.screens.explore import ExploreScreen
from tui.screens.inspect.image import ImageDetailScreen
from tui.screens.inspect.latent import LatentScreen
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.reconstruct import ReconstructScreen
from tui.screens.inspect.sample import SampleScreen
from tui.widgets.gallery import Gallery
from tui.widgets.scatter import Scatter

OfScreen = TypeVar("OfScreen", bound=Screen[object])

RUN = make_summary().run
OTHER = Run(RUN.path.parent / "ae-mnist")


@pytest.fixture
def explorers() -> FakeExplorers:
    return FakeExplorers({run: FakeExplorer(run) for run in (RUN, OTHER)})


@pytest.fixture
def explorer(explorers: FakeExplorers) -> FakeExplorer:
    return explorers[RUN]


@pytest.fixture
def app(make_app: MakeApp, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch) -> VaeTui:
    """Shows a run; there is another one."""
    return make_app(
        runs=[], explorer=explorers.of, other_runs=lambda run: [other for other in (OTHER, RUN) if other != run]
    )


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await answered(pilot)


@asynccontextmanager
async def opened(app: VaeTui, *keys: str, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """The app, which shows a run, after these keys."""
    async with app.run_test(size=size) as pilot:
        app.selected_run = RUN
        for key in keys:
            await press(pilot, key)
        yield pilot


def shown(app: VaeTui, screen: type[OfScreen]) -> OfScreen:
    """The screen that is shown, which must be of this kind."""
    assert isinstance(app.screen, screen)
    return app.screen


def message_of(app: VaeTui, gallery: str) -> str:
    """What a gallery says in place of tiles."""
    found = app.screen.query_one(gallery, Gallery)
    return found.message if found._tiles is None else "tiles"


# Who is asked, and when


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


async def test_a_larger_terminal_is_filled(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3") as pilot:
        assert explorer.asked[-1] == ("page", 0, 5, None, "index")
        await pilot.resize_terminal(120, 40)
        await answered(pilot)
        assert explorer.asked[-1] == ("page", 0, 8, None, "index")


async def test_the_image_that_was_looked_at_stays_in_sight_when_pages_shrink(
    app: VaeTui, explorer: FakeExplorer
) -> None:
    async with opened(app, "3", *["right"] * 6, size=(120, 40)) as pilot:
        await pilot.resize_terminal(80, 24)
        await answered(pilot)
        assert shown(app, ReconstructScreen).place == 6
        assert explorer.asked[-1] == ("page", 5, 5, None, "index")
        await press(pilot, "enter")
        assert shown(app, ImageDetailScreen).place == 6


# What is said in the status line


async def test_loading_pytorch_is_said_where_it_is_waited_for(
    tmp_path: Path, explorer: FakeExplorer, monkeypatch: pytest.MonkeyPatch, updates: Readers[RunUpdate]
) -> None:
    ready = threading.Event()

    def load(explorers: ExplorerCache, run: Run, report: Report) -> FakeExplorer:
        report("loading PyTorch")
        assert ready.wait(10)
        return explorer

    monkeypatch.setattr(ExplorerCache, "of", load)
    monkeypatch.setattr("tui.app.RunUpdateReader", updates.open)
    app = VaeTui(tmp_path, Path("/data"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.selected_run = RUN
        await pilot.press("4")
        await until(pilot, lambda: "loading PyTorch" in screen_text(app).splitlines()[1], "the word")
        assert "waiting for the run" in screen_text(app)
        ready.set()
        await answered(pilot)
        assert "loading PyTorch" not in screen_text(app)
        assert "seed 0" in screen_text(app)


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


# One image and its latent


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
        await press(pilot, "d")
        assert "channel 0 spread" in screen_text(app)
        assert "mean" not in screen_text(app)


async def test_a_posterior_that_is_a_point_has_no_samples(app: VaeTui, explorer: FakeExplorer) -> None:
    explorer.spread = 0.0
    async with opened(app, "3", "enter") as pilot:
        await press(pilot, "d")
        shown = screen_text(app)
        assert "channel 0" in shown
        assert not any(word in shown for word in ("posterior", "spread", "resample"))


async def test_what_was_said_of_work_goes_when_the_work_is_done(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4") as pilot:
        explorer.gate.clear()
        await pilot.press("r")
        await until(pilot, lambda: explorer.times("samples") == 2, "the question")
        explorer.reports[-1]("encoding training images: 9,000 of 10,000")
        await until(pilot, lambda: "encoding" in screen_text(app), "the words")
        screen = app.screen
        assert isinstance(screen, ExploreScreen) and screen._tasks
        screen._tasks.cancel_pending()
        screen.selected_run = OTHER  # so that the answer is not for this run any more
        explorer.gate.set()
        await until(pilot, lambda: "encoding" not in screen_text(app), "silence")


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


async def test_closed_screens_are_given_back(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3") as pilot:
        for _ in range(3):
            await press(pilot, "enter", "v", "escape", "escape", "question_mark", "escape")
        explorer.reports.clear()
        explorer.reports.clear()  # a real explorer lives as long as its task
        gc.collect()
        kept = [
            type(thing).__name__
            for thing in gc.get_objects()
            if isinstance(thing, ImageDetailScreen | LatentPathScreen | Keys)
        ]
        assert kept == []


async def test_the_image_before_the_first_and_after_the_last_are_the_same(app: VaeTui) -> None:
    async with opened(app, "3", "enter", "left", "left") as pilot:
        assert shown(app, ImageDetailScreen).place == 0
        await press(pilot, "escape", "end", "enter")
        await press(pilot, "right")
        assert shown(app, ImageDetailScreen).place == FakeExplorer.TOTAL - 1
        await press(pilot, "v")
        assert shown(app, LatentPathScreen).start[0] == pytest.approx((204 - 32) / 10)
        await press(pilot, "escape", "enter")
        assert shown(app, ReconstructScreen).place == FakeExplorer.TOTAL - 1


# Samples and paths


async def test_the_chosen_digit_is_always_one_that_is_shown(app: VaeTui) -> None:
    async with opened(app, "4", "down", "down", "down", *["right"] * 7) as pilot:
        assert shown(app, SampleScreen).chosen == 31
        await pilot.resize_terminal(40, 12)
        await answered(pilot)
        assert shown(app, SampleScreen).chosen == 4
        assert "5 of 32 samples" in screen_text(app)
        await press(pilot, "right", "down")
        assert shown(app, SampleScreen).chosen == 4


async def test_fewer_digits_are_larger(app: VaeTui) -> None:
    async with opened(app, "4") as pilot:
        shares = []
        for words in ("10 of 32 samples", "2 of 32 samples", " samples  from"):
            await press(pilot, "z")
            shares.append(screen_text(app).count("▒"))
            assert words in screen_text(app)
        assert "of 32" not in screen_text(app)


async def test_a_seed_that_cannot_be_is_explained_and_none_is_drawn(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4", "number_sign") as pilot:
        for typed in ("", "-1", "4294967296"):
            app.screen.query_one("#problem", Label).update("")
            app.screen.query_one(Input).value = typed
            await pilot.press("enter")
            assert "a whole number from 0 to 4294967295" in screen_text(app)
        await press(pilot, "escape")
        assert shown(app, SampleScreen).seed == 0
        assert explorer.times("samples") == 1
        await press(pilot, "R")
        assert explorer.asked[-1][3] == 0


async def test_a_marked_digit_is_forgotten_when_others_take_its_place(app: VaeTui) -> None:
    async with opened(app, "4", "x", "plus") as pilot:
        assert "marked" in screen_text(app)  # warmer, it is the same digit
        await press(pilot, "r", "right", "x")
        assert shown(app, SampleScreen).marked == 1


async def test_paths_that_are_late_keep_their_names(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4", "v") as pilot:
        explorer.gate.clear()
        await pilot.press("down", "down")  # behind the second, which is the last that fits
        await until(pilot, lambda: explorer.asked[-1][:2] == ("traversal", 2), "the question")
        await pilot.press("down")
        before = app.screen.query_one("#strips", Gallery)._captions
        assert {caption[:3] for caption in before if "z" in caption} <= {"z0 ", "z1 "}
        explorer.gate.set()
        await answered(pilot)
        assert "▸z3" in screen_text(app)


async def test_there_are_64_latent_numbers(app: VaeTui) -> None:
    async with opened(app, "4", "v", "up") as pilot:
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
    async with opened(app, "4", "x", "right", "x") as pilot:
        await press(pilot, "number_sign", "pagedown", "down", "down")
        assert shown(app, LatentPathScreen).line == 1
        assert "on an arc around the mean" in screen_text(app)


async def test_a_film_follows_the_chosen_path_and_newer_weights(
    app: VaeTui, explorer: FakeExplorer, updates: Readers[RunUpdate]
) -> None:
    async with opened(app, "4", "v", "a") as pilot:
        assert explorer.asked[-1] == ("traversal", 0, 25)
        await press(pilot, "down")
        assert explorer.asked[-1] == ("traversal", 1, 25)
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert explorer.asked[-1] == ("traversal", 1, 25)
        assert explorer.asked.count(("traversal", 1, 25)) == 2


async def test_a_film_that_is_no_longer_wanted_does_not_begin(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4", "v") as pilot:
        explorer.gate.clear()
        await pilot.press("a", "a")
        explorer.gate.set()
        await answered(pilot)
        walk = shown(app, LatentPathScreen)
        assert walk._player is None
        assert walk.query_one("#strips").display


async def test_no_film_goes_on_behind_another_screen(app: VaeTui) -> None:
    async with opened(app, "4", "v", "a") as pilot:
        walk = shown(app, LatentPathScreen)
        assert walk._player is not None
        await press(pilot, "number_sign", "escape")
        assert walk._player is not None  # a question stands in front of it for a moment
        await press(pilot, "3")
        assert walk._player is None
        await press(pilot, "4")
        assert "▸z0" in screen_text(app)


# The plane


async def test_another_run_leaves_nothing_of_the_plane_before(app: VaeTui, explorers: FakeExplorers) -> None:
    explorers[OTHER].gate.clear()
    async with opened(app, "5", "p") as pilot:
        assert "PCA of validation" in screen_text(app)
        app.selected_run = OTHER
        await until(pilot, lambda: explorers[OTHER].times("projection"), "the question")
        await pilot.pause()
        assert "PCA" not in screen_text(app)
        assert "waiting for the run" in screen_text(app)
        assert message_of(app, "#pair") == ""
        explorers[OTHER].gate.set()
        await answered(pilot)
        assert "LDA of validation" in screen_text(app)


async def test_the_nearest_image_keeps_its_own_class(
    app: VaeTui, explorer: FakeExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(app, "5", size=(120, 40)) as pilot:
        explorer.gate.clear()
        scatter, plane = app.screen.query_one(Scatter), shown(app, LatentScreen).plane
        assert plane is not None
        scatter.place_cursor(*plane.points[4])
        await until(pilot, lambda: explorer.asked[-1] == ("pair", "validation", 4), "the question")
        scatter.place_cursor(*plane.points[9])
        await pilot.pause()
        heard: list[str] = []
        gallery = app.screen.query_one("#pair", Gallery)
        show = gallery.show
        monkeypatch.setattr(gallery, "show", lambda tiles, names: (heard.append(names[0]), show(tiles, names)))
        explorer.gate.set()
        await answered(pilot)
        assert heard == ["nearest: 4", "nearest: 9"]


async def test_a_cursor_that_stays_nearest_to_its_image_asks_nothing(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "5", size=(120, 40)) as pilot:
        screen = shown(app, LatentScreen)
        scatter = screen.query_one(Scatter)
        assert screen.plane is not None
        scatter.place_cursor(*screen.plane.points[7])
        await answered(pilot)
        assert explorer.asked[-1] == ("pair", "validation", 7)
        pairs = explorer.times("pair")
        await press(pilot, "plus", "minus", "m")
        assert explorer.times("pair") == pairs


async def test_which_latent_numbers_are_shown_is_said_in_80_columns(app: VaeTui) -> None:
    async with opened(app, "5", "right_square_bracket") as pilot:
        assert "latent numbers 0 and 1 of validation" in screen_text(app)
        await press(pilot, "right_square_bracket", "left_curly_bracket")
        assert "latent numbers 1 and 0 of validation" in screen_text(app)


async def test_how_to_decode_is_said_until_something_is(app: VaeTui) -> None:
    hint = "g decodes the point itself"
    async with opened(app, "5", size=(120, 40)) as pilot:
        assert hint in screen_text(app)
        await press(pilot, "g")
        assert hint not in screen_text(app)
        assert "decoded here" in screen_text(app)
        await press(pilot, "g")
        assert hint in screen_text(app)


async def test_newer_weights_keep_the_view_and_the_hidden_classes(app: VaeTui, updates: Readers[RunUpdate]) -> None:
    async with opened(app, "5", "plus", "plus", "c", "4") as pilot:
        scatter = app.screen.query_one(Scatter)
        view, cursor = scatter.view, scatter.cursor
        await feed(pilot, updates.last, make_run_update(weights_version=2))
        assert (scatter.view, scatter.cursor, scatter.hidden) == (view, cursor, {4})


@pytest.mark.parametrize("opened", [("3",), ("3", "enter"), ("4",), ("4", "v"), ("5",), ("6",), ("7",)])
async def test_a_key_is_listed_once(app: VaeTui, opened: tuple[str, ...]) -> None:
    async with app.run_test(size=(80, 60)) as pilot:
        for key in opened:
            await press(pilot, key)
        await pilot.press("question_mark")
        await pilot.pause()
        keys = [key for key, _ in shown(app, Keys)._keys]
        assert {"e", "n", "?", "q", "6"} < set(keys)
        assert len(set(keys)) == len(keys), keys
