"""Screens move through the training of a run, and show nothing of one moment under another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from core.explorer.results import ReconstructionPage
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, answered, feed, opened, press, screen_text, shown, until
from tests.support.snapshots import RUN
from tui.app import VaeTui
from tui.messages import Moment, Moments
from tui.screens.inspect.latent import LatentScreen
from tui.screens.inspect.reconstruct import ReconstructScreen
from tui.screens.inspect.sample import SampleScreen
from tui.screens.selection import Timing

MOMENTS = (
    Moment(12, 0.03),
    Moment(150, 0.32),
    Moment(469, 1.0, (1, 60.0)),
    Moment(938, 2.0, (2, 40.5), (2, 12.25)),
)


class Fed:
    """Opens readers of the same moments; the last one is fed further."""

    def __init__(self) -> None:
        self.first: tuple[Moment, ...] = MOMENTS
        self.last: HandFed[Moments] = HandFed()

    def open(self, run: object) -> HandFed[Moments]:
        self.last = HandFed(Moments(RUN, self.first))
        return self.last


@pytest.fixture
def fed() -> Fed:
    return Fed()


@pytest.fixture
def app(make_app: MakeApp, explorers: FakeExplorers, fed: Fed) -> VaeTui:
    timing = Timing(poll=0.05, moment=0.02)
    return make_app(runs=[], explorer=explorers.of, moments=fed.open, timing=timing)


def steps_shown(app: VaeTui) -> int | None:
    moment = app.shared.selection.moment
    return moment.step if moment else None


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_moment_looks_as_it_is_drawn(
    app: VaeTui, explorer: FakeExplorer, snapshot: SnapshotAssertion, size: tuple[int, int]
) -> None:
    async with opened(app, "3", ";", size=size) as pilot:
        assert steps_shown(app) == 938
        await press(pilot, ";")
        assert screen_text(app) == snapshot


async def test_keys_go_through_the_moments_on_every_screen(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3") as pilot:
        assert set(explorer.moments) == {None}
        for keys, step in ((";", 938), (";;", 150), ("^", 12), (";", 12), (":", 150), ("$", None), (":", None)):
            await press(pilot, *keys)
            assert steps_shown(app) == step
        await press(pilot, "^")
        for key, question in (("4", "samples"), ("5", "projection")):
            explorer.asked.clear()
            explorer.moments.clear()
            await press(pilot, key)
            pairs = [pair for pair in zip(explorer.asked, explorer.moments, strict=True) if pair[0][0] == question]
            assert pairs[0][1] == 12
            assert "epoch 0.03 of 10 · 1/5" in screen_text(app)
        app.selected_run = replace(RUN, path=RUN.path.with_name("other"))
        await answered(pilot)
        assert steps_shown(app) is None


async def test_the_moment_that_follows_is_asked_about_ahead(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "5", ";") as pilot:
        both = zip(explorer.moments, explorer.asked, strict=True)
        asked = [moment for moment, question in both if question[0] == "projection"]
        assert asked == [None, 938, 469]
        explorer.moments.clear()
        await press(pilot, ":")
        assert set(explorer.moments) == {None}


@pytest.mark.parametrize(
    ("error", "said"), [(MemoryError(), "not enough memory"), (ArithmeticError("singular"), "singular")]
)
async def test_a_moment_that_fails_ahead_says_so_when_it_is_seen_and_the_others_are_shown(
    app: VaeTui, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = FakeExplorer.page

    def failing(self: FakeExplorer, *asked: Any) -> ReconstructionPage:
        if self.moment == 469:
            raise error
        return page(self, *asked)

    monkeypatch.setattr(FakeExplorer, "page", failing)
    async with opened(app, "3", ";") as pilot:
        screen = shown(app, ReconstructScreen)
        await pilot.press(";")
        await until(pilot, lambda: said in screen_text(app) and steps_shown(app) == 469, "the words")
        await pilot.press("$")
        await until(pilot, lambda: screen.page is not None and said not in screen_text(app), "the newest")


@pytest.mark.parametrize("key", ["3", "4", "5"])
async def test_a_picture_is_called_by_the_moment_that_it_is_of(
    app: VaeTui, explorer: FakeExplorer, key: str, tmp_path: Path
) -> None:
    app.shared.folder = tmp_path
    async with opened(app, key, ";") as pilot:
        explorer.gate.clear()
        for pressed, written in (("$", "at-step938"), (";;", "at-step938")):
            await pilot.press(*pressed, "e", "m")
            await until(pilot, lambda: app.exported, "the files")
            assert all(written in path.name for path in app.exported)
            app.exported = []
        explorer.gate.set()


async def test_a_late_answer_is_not_shown_under_another_moment(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3") as pilot:
        explorer.gate.clear()
        await pilot.press(";")
        await until(pilot, lambda: "epoch 2 of 10 · 4/5, still newest" in screen_text(app), "the words")
        assert explorer.moments[-1] == 938
        await pilot.press("$")
        explorer.gate.set()
        await answered(pilot)
        page = shown(app, ReconstructScreen).page
        assert page is not None
        assert (page.reconstructions == explorer.page(0, len(page.indices)).reconstructions).all()
        assert "newest · 5/5 " in screen_text(app)
        taken: list[str] = []
        shown(app, ReconstructScreen)._deliver(RUN, 938, taken.append, "of another moment")
        shown(app, ReconstructScreen)._deliver(RUN, None, taken.append, "of this one")
        assert taken == ["of this one"]


async def test_what_was_measured_is_said_with_its_epoch(app: VaeTui) -> None:
    async with opened(app, "3", ";", size=(120, 40)) as pilot:
        assert "validation 40.5, Fréchet 12.25 (epoch 2)" in screen_text(app)
        await press(pilot, "^")
        assert "validation" not in screen_text(app).splitlines()[2]


async def test_it_plays_to_the_end_and_stops_there_or_where_it_is_stopped(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4", size=(120, 40)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: explorer.moments[-1] is None and len(explorer.moments) > 1, "the end")
        asked = [
            step for step, question in zip(explorer.moments, explorer.asked, strict=True) if question[0] == "samples"
        ]
        assert list(dict.fromkeys(asked)) == [None, 12, 150, 469, 938]
        assert asked[-1] is None
        await until(pilot, lambda: not shown(app, SampleScreen).plays, "the stop")
        app.shared.timing = replace(app.shared.timing, moment=60.0)
        await pilot.press("a")
        assert "a stops" in screen_text(app)
        await pilot.press("a")
        assert not shown(app, SampleScreen).plays
        assert steps_shown(app) is not None


async def test_the_mouse_chooses_a_moment(app: VaeTui) -> None:
    def places() -> list[int]:
        return [place for place, sign in enumerate(screen_text(app).splitlines()[2]) if sign in "┿┼●"]

    async with opened(app, "3") as pilot:
        await pilot.click("MomentTrack", offset=(places()[0], 0))
        assert steps_shown(app) == 12
        await answered(pilot)
        first, _, third, *_ = places()
        await pilot.mouse_down("MomentTrack", offset=(first, 0))
        await pilot.hover("MomentTrack", offset=(third, 0))
        await pilot.mouse_up("MomentTrack", offset=(third, 0))
        assert steps_shown(app) == 469


async def test_new_snapshots_join_and_the_moment_stays(app: VaeTui, fed: Fed, explorer: FakeExplorer) -> None:
    async with opened(app, "3", ";") as pilot:
        times = explorer.times("page")
        await feed(pilot, fed.last, Moments(RUN, (*MOMENTS, Moment(1200, 2.6))))
        assert steps_shown(app) == 938
        assert "epoch 2 of 10 · 4/6" in screen_text(app)
        assert explorer.times("page") == times
        await feed(pilot, fed.last, Moments(RUN, (MOMENTS[0], MOMENTS[2], Moment(1200, 2.6))))
        assert steps_shown(app) == 1200


async def test_a_run_without_snapshots_says_so_and_what_would_give_them(app: VaeTui, fed: Fed) -> None:
    fed.first = ()
    async with app.run_test(size=(120, 24), notifications=True) as pilot:
        app.selected_run = RUN
        await press(pilot, "3", ";")
        await until(pilot, lambda: "vae-mnist has no snapshots of its training" in screen_text(app), "the words")
        await press(pilot, *"aaa")
        assert screen_text(app).count("vae-mnist has no snapshots of its training") == 1
        assert "newest" not in screen_text(app)


async def test_a_small_terminal_shows_words_alone_and_only_in_use(app: VaeTui) -> None:
    async with opened(app, "3", size=(40, 12)) as pilot:
        assert "newest" not in screen_text(app)
        await press(pilot, ";")
        assert screen_text(app).splitlines()[2] == " epoch 2 of 10 · 4/5"


async def test_f_fits_the_plane_to_each_moment_or_holds_it(app: VaeTui) -> None:
    async with opened(app, "5", ";", size=(120, 40)) as pilot:
        assert "as fitted to the newest weights" in screen_text(app)
        await press(pilot, "f")
        choice = shown(app, LatentScreen).choice
        assert (choice.fit_each, choice.fit_on_shown) == (True, False)
        assert "fitted to this moment" in screen_text(app)


async def test_what_is_opened_at_a_moment_stays_there_and_says_so(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "3", ";", "enter") as pilot:
        assert explorer.asked[-1][0] == "image_detail"
        assert explorer.moments[-1] == 938
        assert "at epoch 2" in screen_text(app)
        await press(pilot, "escape")


async def test_e_offers_the_film_at_a_moment_and_writes_what_is_seen_now(
    app: VaeTui, explorer: FakeExplorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(app, "4", ";", "e") as pilot:
        assert "f the film" in screen_text(app)
        await pilot.press("f")
        explorer.reports[-1]("drawing")
        await until(pilot, lambda: list(tmp_path.glob("vae-mnist-sample-film.gif")), "the film")
        await until(pilot, lambda: "drawing" not in screen_text(app), "nothing that is still done")
        await press(pilot, "e", "m")
        await until(pilot, lambda: list(tmp_path.glob("vae-mnist-sample-at-step938-prior-seed0.png")), "the picture")
        await press(pilot, "$", "e")
        await until(pilot, lambda: len(list(tmp_path.glob("*.png"))) == 2, "another picture")
