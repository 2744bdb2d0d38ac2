"""Screen 4: samples, the sampler, the seed, the temperature, one digit of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from textual.widgets import Input, Label

from core.explorer.results import Samples
from core.runs.config import make_config
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.screens import MakeApp, answered, opened, press, screen_text, shown, until
from tests.support.snapshots import RUN, make_snapshot, make_summary
from tui.app import VaeTui
from tui.screens.asking import Abandoned
from tui.screens.dialogs import AskNumber
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.sample import SampleScreen
from tui.widgets.bars import Lines
from tui.widgets.gallery import Gallery


async def test_samplers_seeds_and_temperatures_are_chosen_by_key(run_app: VaeTui, explorers: FakeExplorers) -> None:
    asked = explorers[RUN].asked
    async with run_app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        for key, expected in (
            ("greater_than_sign", ("prior", 32, 1, 1.0)),
            ("greater_than_sign", ("prior", 32, 2, 1.0)),
            ("less_than_sign", ("prior", 32, 1, 1.0)),
            ("right_square_bracket", ("prior", 32, 1, 1.1)),
            ("left_square_bracket", ("prior", 32, 1, 1.0)),
            ("z", ("gaussian", 32, 1, 1.0)),
            ("z", ("full", 32, 1, 1.0)),
            ("z", ("mixture", 32, 1, 1.0)),
            ("z", ("prior", 32, 1, 1.0)),
        ):
            await press(pilot, key)
            assert asked[-1] == ("samples", *expected)
        await press(pilot, *(["left_square_bracket"] * 14))
        assert asked[-1][-1] == 0.0
        await press(pilot, *(["right_square_bracket"] * 40))
        assert asked[-1][-1] == 3.0
        await press(pilot, "number_sign")
        assert isinstance(run_app.screen, AskNumber)
        run_app.screen.query_one(Input).value = "99999999999"
        await press(pilot, "enter")
        assert "a whole number from 0 to 4294967295" in screen_text(run_app)
        run_app.screen.query_one(Input).value = "42"
        await press(pilot, "enter")
        assert asked[-1] == ("samples", "prior", 32, 42, 3.0)


async def test_an_autoencoder_begins_with_the_fitted_gaussian(make_app: MakeApp, explorers: FakeExplorers) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(preset="ae")), explorer=explorers.of)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4")
        assert explorers[RUN].asked[-1] == ("samples", "gaussian", 32, 0, 1.0)


async def test_a_grid_has_as_many_rows_as_columns_as_there_is_room_for(
    make_app: MakeApp, explorers: FakeExplorers
) -> None:
    config = make_config(preset="vae", features="8,16,32,32,32", latent_channels=2)
    app = make_app(snapshot=make_snapshot(make_summary(config=config)), explorer=explorers.of)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "greater_than_sign", "z", "z", "z", "z")

        def laid_out(side: int) -> bool:
            tiling = app.screen.query_one(Gallery).tiling((1, 28, 28))
            asked = explorers[RUN].asked[-1] == ("samples", "grid", side * side, 0, 1.0)
            return asked and tiling is not None and tiling.columns == side and f"{side}x{side} samples" in heading(app)

        await until(pilot, lambda: laid_out(4), "four rows and columns")
        await press(pilot, "greater_than_sign")  # which a grid has none of
        assert "seed" not in screen_text(app)
        await press(pilot, "X")
        assert "equal parts" in screen_text(app)
        await press(pilot, "escape")
        await press(pilot, "G", "space", "k")
        assert shown(app, SampleScreen).chosen == 11
        assert shown(app, SampleScreen).marks == (15,)
        samples = shown(app, SampleScreen).samples
        assert samples is not None
        z0, z1 = samples.latents[11][:2]
        assert f"; chosen (z0, z1) = ({z0:.2f}, {z1:.2f})" in heading(app)
        await press(pilot, "plus")
        await until(pilot, lambda: laid_out(2), "larger and fewer")
        assert shown(app, SampleScreen).marks == ()
        assert shown(app, SampleScreen).chosen == 3
        await press(pilot, "0")
        await until(pilot, lambda: laid_out(4), "all again")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: laid_out(2), "a smaller window")
        await press(pilot, "z")
        assert explorers[RUN].asked[-1][:4] == ("samples", "prior", 32, 1)
        assert "2x2" not in heading(app)


def heading(app: VaeTui) -> str:
    return str(app.screen.query_one("#heading", Lines).render())


async def test_the_chosen_digit_is_always_one_that_is_shown(app: VaeTui) -> None:
    async with opened(app, "4", "down", "down", "down", *["right"] * 7, size=(120, 40)) as pilot:
        assert shown(app, SampleScreen).chosen == 31
        await pilot.resize_terminal(40, 12)
        await answered(pilot)
        assert shown(app, SampleScreen).chosen == 1
        assert "2 of 32  prior, seed" in screen_text(app)
        await press(pilot, "right", "down")
        assert shown(app, SampleScreen).chosen == 1


async def test_fewer_digits_are_larger(app: VaeTui) -> None:
    async with opened(app, "4", size=(120, 40)) as pilot:
        for key, words in (("+", "8 of 32 "), ("+", "2 of 32 "), ("-", "8 of 32 "), ("0", " samples  from")):
            await press(pilot, key)
            assert words in screen_text(app)
        assert "of 32" not in screen_text(app)


async def test_with_little_room_what_was_drawn_is_said_in_few_words(app: VaeTui) -> None:
    async with opened(app, "4", "z", "right_square_bracket", size=(100, 24)) as pilot:
        assert heading(app).endswith("from a Gaussian for each latent number, seed 0, temperature 1.1")
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: heading(app).endswith("  gaussian, seed 0, temperature 1.1"), "fewer words")


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
        await press(pilot, "less_than_sign")
        assert explorer.asked[-1][3] == 0


async def test_a_marked_digit_is_forgotten_when_others_take_its_place(app: VaeTui) -> None:
    async with opened(app, "4", "space", "right_square_bracket") as pilot:
        assert "marked" in screen_text(app)  # warmer, it is the same digit
        await press(pilot, "greater_than_sign", "right", "space")
        assert shown(app, SampleScreen).marks == (1,)


async def test_a_sampler_that_is_being_fitted_is_named_and_can_be_left(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "4", "z", "z", size=(80, 24)) as pilot:
        assert "full cov" in screen_text(app)
        explorer.gate.clear()
        await pilot.press("z")
        await until(pilot, lambda: "next: mixture" in screen_text(app), "the name of what is fitted")
        assert " full, seed 0, temperature 1.0" in screen_text(app).splitlines()[1]
        explorer.reports[-1]("fitting a mixture of 10 Gaussians: 17%")
        await until(pilot, lambda: "fitting a mix" in screen_text(app).splitlines()[1], "both")
        await pilot.press("z")
        await until(pilot, lambda: "next: prior" in screen_text(app), "the name of what is next")
        assert shown(app, SampleScreen).shown_sampler == "prior"
        assert "fitting" not in screen_text(app), "what was left is no longer told of"
        explorer.gate.set()
        await answered(pilot)
        assert "from the prior N(0, I), seed 0" in screen_text(app)
        assert "next:" not in screen_text(app)
        assert "mixture" not in screen_text(app)


async def test_a_question_that_was_left_is_ended(app: VaeTui, explorer: FakeExplorer) -> None:
    ended: list[str] = []
    async with opened(app, "4") as pilot:
        explorer.gate.clear()
        answer = explorer.samples

        def fitting(sampler: str, *rest: Any, go_on: Callable[[], object]) -> Samples:
            found = answer(sampler, *rest)
            try:
                go_on()
            except Abandoned:
                ended.append(sampler)
                raise
            return found

        explorer.samples = fitting  # type: ignore[method-assign, assignment]
        await pilot.press("z", "z", "z")
        explorer.gate.set()
        await answered(pilot)
        assert ended == ["gaussian"]
        assert explorer.asked[-1][1] == "mixture"


async def test_keys_that_come_before_the_digits_act_on_those_that_were_asked_for(
    app: VaeTui, explorer: FakeExplorer
) -> None:
    async with opened(app, "4") as pilot:
        old = shown(app, SampleScreen).samples
        explorer.gate.clear()
        await pilot.press("greater_than_sign", "right", "t")
        assert isinstance(app.screen, SampleScreen)
        explorer.gate.set()
        await until(pilot, lambda: isinstance(app.screen, LatentPathScreen), "the path")
        path = shown(app, LatentPathScreen)
        drawn = np.random.default_rng(1).standard_normal((32, 64))
        assert old is not None
        assert np.allclose(path.start, drawn[1])
