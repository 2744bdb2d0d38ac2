"""The flow of a learned prior: particles travel, stop, go on, and take what is asked for from where they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from core.explorer.queries import RunExplorer
from core.explorer.results import Particles
from core.latents.options import ProjectionOptions, SamplingOptions
from core.runs.run import Run
from tests.conftest import CHECKPOINTS
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.screens import MakeApp, press, screen_text, shown, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.app import VaeTui
from tui.screens.help.keys import bindings_of
from tui.screens.inspect.flow.plane import FlowPlane
from tui.screens.inspect.flow.screen import FlowScreen
from tui.screens.inspect.flow.travelling import COUNT
from tui.screens.inspect.latent import LatentScreen
from tui.widgets.gallery import Gallery

OpenApp = Callable[[], VaeTui]


@pytest.fixture
def explorers() -> FakeExplorers:
    return FakeExplorers()


@pytest.fixture
def app(make_app: MakeApp, explorers: FakeExplorers) -> VaeTui:
    """Whose run learned a prior."""
    return make_app(snapshot=make_snapshot(make_summary(preset="prior")), explorer=explorers.of)


async def open_flow(pilot: Pilot[None], app: VaeTui, explorers: FakeExplorers) -> tuple[FlowScreen, FakeExplorer]:
    await press(pilot, "5")
    (explorer,) = explorers.values()
    assert explorer.times("flow") == 0, "nothing moves until it is asked for"
    await press(pilot, "a")
    return shown(app, FlowScreen), explorer


def last_asked(explorer: FakeExplorer) -> tuple[object, ...]:
    return [asked for asked in explorer.asked if asked[0] == "flow"][-1]


async def test_particles_travel_stop_and_are_stepped(app: VaeTui, explorers: FakeExplorers) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        flow, explorer = await open_flow(pilot, app, explorers)
        assert last_asked(explorer) == ("flow", COUNT, 0, SamplingOptions(steps=20), None)
        assert flow.plays
        await press(pilot, *["right_square_bracket"] * 3)
        await until(pilot, lambda: flow.place > 0, "a step")
        await press(pilot, "a")
        place = flow.place
        assert not flow.plays
        assert f"step {place} of 20" in screen_text(app)
        drawn = flow.query_one(FlowPlane)._strips
        await pilot.pause(0.6)
        assert flow.place == place
        assert flow.query_one(FlowPlane)._strips is drawn, "nothing is drawn at rest"
        await press(pilot, "colon", "colon", "semicolon")
        assert flow.place == place + 1
        await press(pilot, "dollar_sign")
        assert "step 20 of 20" in screen_text(app)
        await press(pilot, "circumflex_accent")
        assert flow.place == 0
        await press(pilot, "escape")
        shown(app, LatentScreen)


async def test_digits_are_decoded_while_particles_travel(
    app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown_images: list[np.ndarray] = []
    show = Gallery.show

    def note(gallery: Gallery, tiles: np.ndarray, *words: Any) -> None:
        if isinstance(gallery.screen, FlowScreen):
            shown_images.append(tiles[:, 0])
        show(gallery, tiles, *words)

    monkeypatch.setattr(Gallery, "show", note)
    async with app.run_test(size=(120, 40)) as pilot:
        flow, _ = await open_flow(pilot, app, explorers)
        await press(pilot, *["right_square_bracket"] * 3)
        await until(pilot, lambda: not np.array_equal(shown_images[0], shown_images[-1]), "digits on the way")
        assert flow.plays
        first, *_, newest = shown_images
        assert np.array_equal(first, flow.frames[0].images), "the noise at once"
        assert any(np.array_equal(newest, frame.images) for frame in flow.frames[1 : flow.place + 1])


async def test_what_is_asked_for_counts_from_where_particles_are(app: VaeTui, explorers: FakeExplorers) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        flow, explorer = await open_flow(pilot, app, explorers)
        await press(pilot, "a", "dollar_sign", *["semicolon"] * 8, "c", "7")
        assert last_asked(explorer) == ("flow", COUNT, 0, SamplingOptions(digit=7, steps=20), 12)
        assert (flow.plays, flow.place) == (False, 12), "who stands still goes on standing"
        assert [frame.step for frame in flow.frames] == [*range(21)]
        await press(pilot, "a", "dollar_sign")
        assert (flow.frames[12].labels[:3].tolist(), flow.frames[13].labels[:3].tolist()) == ([0, 1, 2], [7, 7, 7])
        assert "digit 7 from step 12 on, seed 0" in screen_text(app)
        await press(pilot, "circumflex_accent")
        assert last_asked(explorer)[3:] == (SamplingOptions(digit=7, steps=20), None), "one way to 7, from noise on"
        assert not flow.plays
        await press(pilot, "dollar_sign")
        assert "from noise to digit 7, seed 0" in screen_text(app)
        await press(pilot, "right_curly_bracket")
        assert last_asked(explorer)[3:] == (SamplingOptions(digit=7, guidance=1.5, steps=20), None), "from noise again"
        await press(pilot, "greater_than_sign", "a")
        assert last_asked(explorer)[2] == 1


async def test_another_digit_at_the_end_is_gone_to_from_noise(app: VaeTui, explorers: FakeExplorers) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        flow, explorer = await open_flow(pilot, app, explorers)
        assert flow.query_one(FlowPlane).size.width == 90, "all the room that the digits leave"
        await press(pilot, "a", "dollar_sign", "c", "7")
        assert last_asked(explorer)[3:] == (SamplingOptions(digit=7, steps=20), None)


async def test_a_guidance_that_is_the_least_already_asks_for_nothing(app: VaeTui, explorers: FakeExplorers) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        flow, explorer = await open_flow(pilot, app, explorers)
        await press(pilot, "a", "dollar_sign", *["semicolon"] * 8, "left_curly_bracket")
        assert (explorer.times("flow"), flow.place) == (1, 12)
        assert "from noise to any digit, seed 0" in screen_text(app)


async def test_the_flow_of_another_plane_says_in_which_it_is_shown(app: VaeTui, explorers: FakeExplorers) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5", "a", "escape")
        assert not app._notifications
        await press(pilot, "o", "a")
        (said,) = app._notifications
        assert "linear discriminants" in said.message


async def test_keys_and_formulas_are_those_of_particles(app: VaeTui, explorers: FakeExplorers) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "5")
        meanings = [binding.tooltip for binding in bindings_of(shown(app, LatentScreen))]
        assert "have particles travel from noise to digits" in meanings
        assert not any("the training" in meaning for meaning in meanings), "of which it keeps no moments"
        await press(pilot, "a", "X")
        assert "Ground: where latents of each digit lie" in screen_text(app)
        await press(pilot, "escape", "c", "3", "right_curly_bracket")
        (explorer,) = explorers.values()
        explorer.note = "on mnist-5k: no mnist on disk"
        await press(pilot, "greater_than_sign", "a")
        words = "300 particles in LDA  from noise to digit 3, guidance 1.5, seed 1   at most 2 a second"
        assert words in screen_text(app)
        assert explorer.note in screen_text(app)


async def test_without_colours_there_are_stills(
    make_app: MakeApp, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(snapshot=make_snapshot(make_summary(preset="prior")), explorer=explorers.of)
    async with app.run_test(size=(80, 24)) as pilot:
        flow, _ = await open_flow(pilot, app, explorers)
        assert not flow.plays
        assert "step 0 of 20" in screen_text(app)
        said = screen_text(app)
        assert not any(words in said for words in ("a play", "[ ] speed", "a second", "at most"))
        await press(pilot, "a", "colon")
        assert (flow.plays, flow.place) == (False, 1)


async def test_the_end_is_gone_to_as_it_is_computed(
    app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = threading.Semaphore(3)
    flow_of = FakeExplorer.flow

    def flow_by_steps(explorer: FakeExplorer, *words: Any) -> None:
        *asked, show = words

        def show_later(particles: Particles) -> None:
            steps.acquire(timeout=10)
            show(particles)

        asked.append(show_later)
        flow_of(explorer, *asked)

    monkeypatch.setattr(FakeExplorer, "flow", flow_by_steps)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, LatentScreen), "the plane")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, FlowScreen), "the flow")
        flow = shown(app, FlowScreen)
        await until(pilot, lambda: len(flow.frames) == 3, "three steps")
        await pilot.press("dollar_sign")
        assert flow.place == 2
        steps.release(18)
        await until(pilot, lambda: "step 20 of 20" in screen_text(app), "the end")
        await press(pilot, "circumflex_accent")
        assert flow.place == 0


async def test_particles_that_are_slow_to_come_are_waited_for(app: VaeTui, explorers: FakeExplorers) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "5")
        (explorer,) = explorers.values()
        explorer.gate.clear()
        await pilot.press("a")
        await until(pilot, lambda: isinstance(flow := app.screen, FlowScreen) and flow.plays, "the flow")
        flow = shown(app, FlowScreen)
        await pilot.pause(0.6)  # a step is due after half a second
        assert (flow.plays, flow.frames) == (True, [])
        explorer.gate.set()
        await until(pilot, lambda: flow.place > 0, "a step")


async def test_a_digit_that_was_asked_for_as_the_run_was_lost_is_gone_to_from_noise(
    app: VaeTui, explorers: FakeExplorers
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        flow, _ = await open_flow(pilot, app, explorers)
        await press(pilot, "a", "dollar_sign", "semicolon", "c")
        flow.show_message("the run is gone")
        await press(pilot, "7")
        assert flow.options is not None
        assert (flow.options.digit, flow.place) == (7, 0)


async def test_what_is_seen_is_written_as_picture_and_table(
    app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        flow, _ = await open_flow(pilot, app, explorers)
        await press(pilot, "a", "dollar_sign", *["semicolon"] * 8, "c", "7", "a", "dollar_sign")
        run = flow.selected_run
        assert run is not None
        export = flow.to_export(run, "a-latent")
        assert export is not None
        picture, table = export.write(tmp_path)
        assert picture.name == "a-latent-flow-digit7-from12-guidance1-seed0-step20of20.png"
        header, *lines = table.read_text().splitlines()
        assert (header, len(lines)) == ("particle,x,y,asked_for", COUNT)
        assert all(line.endswith(",7") for line in lines)


def test_particles_end_bit_for_bit_where_the_sampler_ends(tmp_path: Path) -> None:
    explorer = RunExplorer.open(Run(CHECKPOINTS / "prior-mnist"), tmp_path)
    options, plane = SamplingOptions(steps=4), ProjectionOptions("pca")
    way: list[Particles] = []
    explorer.flow(40, 5, options, plane, None, way.append)
    assert [particles.step for particles in way] == [0, 1, 2, 3, 4]
    drawn = explorer.samples("learned", 40, 5, 1.0, options)
    np.testing.assert_allclose(way[-1].images, drawn.images[:8], atol=1e-5)
    np.testing.assert_array_equal(way[-1].latents, drawn.latents)
    onto = explorer.projection(plane).linear
    assert onto is not None
    np.testing.assert_array_equal(way[-1].points, onto.project(drawn.latents))
    on: list[Particles] = []
    explorer.flow(40, 5, options, plane, way[2], on.append)
    assert [particles.step for particles in on] == [3, 4]
    np.testing.assert_allclose(on[-1].latents, way[-1].latents, atol=1e-5)
    turned: list[Particles] = []
    explorer.flow(40, 5, replace(options, digit=1, guidance=2.0), plane, way[2], turned.append)
    assert np.abs(turned[-1].latents - way[-1].latents).max() > 0.5
