"""Screen 4 with a learned prior: it is asked for digits, and shows how they come out of noise."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core.latents.options import SamplingOptions
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.screens import MakeApp, press, screen_text, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.app import VaeTui
from tui.screens.inspect.sample import FRAMES, SampleScreen
from tui.screens.inspect.sampling.draws import Drawn
from tui.screens.selection import Timing
from tui.widgets.gallery import Gallery

OpenApp = Callable[..., VaeTui]


@pytest.fixture
def explorers() -> FakeExplorers:
    return FakeExplorers()


@pytest.fixture
def open_app(make_app: MakeApp, explorers: FakeExplorers) -> OpenApp:
    """An app whose run learned a prior."""

    def open_it(dynamics: str = "flow", denoise: float = 0.1) -> VaeTui:
        learned = make_summary(preset="prior", dynamics=dynamics)
        return make_app(
            snapshot=make_snapshot(learned), explorer=explorers.of, timing=Timing(poll=0.1, denoise=denoise)
        )

    return open_it


def only(explorers: FakeExplorers) -> FakeExplorer:
    (explorer,) = explorers.values()
    return explorer


def shown(app: VaeTui) -> SampleScreen:
    assert isinstance(app.screen, SampleScreen)
    return app.screen


def spread(app: VaeTui) -> float:
    """How far the latents stray that are shown."""
    samples = shown(app).samples
    assert samples is not None
    return float(np.std(samples.latents))


def lit(grid: Gallery) -> list[bool]:
    """Which digits are seen."""
    assert grid._tiles is not None
    return [bool(tile.any()) for tile in grid._tiles]


async def type_steps(pilot: Pilot[None], steps: int) -> None:
    await press(pilot, "#")
    pilot.app.screen.query_one(Input).value = f"0, {steps}"
    await press(pilot, "enter")


async def test_a_learned_prior_is_what_its_run_is_sampled_with(open_app: OpenApp, explorers: FakeExplorers) -> None:
    app = open_app(denoise=60.0)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        assert only(explorers).asked[-1] == ("denoising", FRAMES, 32, 0, 1.0, SamplingOptions(steps=10))
        assert "from the learned prior: any digit, 10 steps, seed 0, temperature 1.0: step 1 of 10" in screen_text(app)


async def test_only_the_classes_that_there_are_can_be_asked_for(open_app: OpenApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        only(explorers).askable = (0, 2)
        await press(pilot, "greater_than_sign", "c")
        assert "0 2 a class   a any" in screen_text(app)
        await press(pilot, "1")
        assert "Which digit?" in screen_text(app)
        await press(pilot, "2")
        assert shown(app).options.digit == 2
        only(explorers).askable = ()
        await press(pilot, "greater_than_sign", "c")
        assert "there are no classes to ask for   a any" in screen_text(app)


async def test_digit_guidance_and_steps_are_chosen_by_key(open_app: OpenApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        for keys, wish in (
            (("c", "7"), SamplingOptions(7, 1.0, 10)),
            (("}",), SamplingOptions(7, 1.5, 10)),
            (("}", "}"), SamplingOptions(7, 3.0, 10)),
            (("{", "{"), SamplingOptions(7, 1.5, 10)),
            (("#", "end", *"\b\b20", "enter"), SamplingOptions(7, 1.5, 20)),
            (("c", "escape"), SamplingOptions(7, 1.5, 20)),
            (("c", "a"), SamplingOptions(None, 1.5, 20)),
            (("#", "end", *"\b\b4", "enter"), SamplingOptions(None, 1.5, 4)),
            ((">",), SamplingOptions(None, 1.5, 4)),
        ):
            await press(pilot, *({"\b": "backspace"}.get(key, key) for key in keys))
            assert only(explorers).asked[-1][-1] == wish
        await until(pilot, lambda: "any digit, guidance 1.5, 4 steps" in screen_text(app), "the digits")


async def test_each_step_is_shown_with_its_number_as_it_comes(open_app: OpenApp, explorers: FakeExplorers) -> None:
    app = open_app(denoise=0.01)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        explorer = only(explorers)
        await until(pilot, lambda: "10 steps, seed 0, temperature 1.0" in screen_text(app), "the digits")
        explorer.steps_allowed = threading.Semaphore(0)
        await pilot.press("greater_than_sign")
        before = -1.0
        for step in range(1, 11):
            await until(pilot, lambda: f"step {step} of 10" in screen_text(app) or step == 10, f"step {step}")  # noqa: B023
            await until(pilot, lambda: spread(app) != before, "other digits")  # noqa: B023
            assert "seed 1" in screen_text(app)
            before = spread(app)
            explorer.steps_allowed.release()


@pytest.mark.parametrize(("dynamics", "typed", "steps"), [("flow", 4, 4), ("flow", None, 10), ("ddpm", 1000, 1000)])
async def test_any_number_of_steps_is_shown_to_its_end(
    open_app: OpenApp, explorers: FakeExplorers, dynamics: str, typed: int | None, steps: int
) -> None:
    app = open_app(dynamics, denoise=0.001)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        if typed:
            await type_steps(pilot, typed)
        frames: list[int] = []
        screen = shown(app)
        draw = screen._show_frame

        def note(drawn: Drawn) -> None:
            if drawn.draw.seed == 1:  # what the keys before asked for may still come
                frames.append(drawn.step)
            draw(drawn)

        screen._film._show = note
        await press(pilot, "greater_than_sign")
        await until(pilot, lambda: frames and frames[-1] == steps, "the last step")
        assert len(frames) == min(steps, FRAMES)
        assert frames == sorted(set(frames))


async def test_steps_before_the_last_are_shown_of_the_first_row_as_the_terminal_must_bear_them(
    open_app: OpenApp, explorers: FakeExplorers
) -> None:
    app = open_app(denoise=0.01)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        grid = shown(app).query_one(Gallery)
        explorer = only(explorers)
        explorer.steps_allowed = threading.Semaphore(3)
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: "step 4 of 10" in screen_text(app), "a step")
        assert lit(grid) == [True] * 8 + [False] * 24
        explorer.steps_allowed.release(10)
        await until(pilot, lambda: all(lit(grid)), "all digits")


async def test_the_heading_describes_what_is_seen_and_the_status_what_is_to_come(
    open_app: OpenApp, explorers: FakeExplorers
) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        explorer = only(explorers)
        await until(pilot, lambda: "10 steps, seed 0, temperature 1.0" in screen_text(app), "the digits", 20)
        explorer.gate.clear()
        await pilot.press("greater_than_sign", "c", "3")
        await until(pilot, lambda: "next: digit 3, 10 steps, seed 1" in screen_text(app), "what is to come")
        assert "any digit, 10 steps, seed 0" in screen_text(app)
        explorer.gate.set()
        await until(pilot, lambda: "digit 3, 10 steps, seed 1, temp" in screen_text(app), "the digits")
        assert "next:" not in screen_text(app)


async def test_the_steps_need_not_be_shown(open_app: OpenApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "a", "greater_than_sign")
        assert only(explorers).asked[-1][1] == 1
        await press(pilot, "a")
        assert only(explorers).asked[-1][1] == FRAMES


async def test_a_film_that_nobody_watches_ends_with_its_last_moment(
    open_app: OpenApp, explorers: FakeExplorers
) -> None:
    app = open_app(denoise=60.0)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        screen, first = shown(app), spread(app)
        await press(pilot, "5")
        assert screen.samples is not None
        assert np.std(screen.samples.latents) == pytest.approx(first / 10)


async def test_other_samplers_have_no_digit_to_ask_for(open_app: OpenApp, explorers: FakeExplorers) -> None:
    app = open_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        assert "c digit" in screen_text(app)
        await press(pilot, "z")
        assert only(explorers).asked[-1][:2] == ("samples", "prior")
        await until(pilot, lambda: "c digit" not in screen_text(app))
        await press(pilot, "c", "{", "}", "a")
        assert shown(app)
        assert only(explorers).asked[-1][:2] == ("samples", "prior")


async def test_a_thousand_noisy_steps_are_offered_where_they_were_learned(
    open_app: OpenApp, explorers: FakeExplorers
) -> None:
    app = open_app("ddpm")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        assert only(explorers).asked[-1][-1] == SamplingOptions(steps=50)
        await type_steps(pilot, 1000)
        assert only(explorers).asked[-1][-1] == SamplingOptions(steps=1000)
