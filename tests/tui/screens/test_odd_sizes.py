"""Every screen that looks into a run shows those whose sizes are not the post's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.runs.run import Run
from tests.conftest import cut_digits
from tests.support.screens import make_real_app, press, screen_text, until
from tests.support.trainers import train

SHAPES = [
    pytest.param({"features": "8,16,16,32,32", "latent_channels": 2, "likelihood": "bernoulli"}, 2, id="two numbers"),
    pytest.param({"preset": "ae", "features": "6,12", "latent_channels": 1}, 64, id="one channel"),
    pytest.param({"preset": "vae-post", "features": "8,16,24,32", "latent_channels": 5}, 20, id="five channels"),
]
LOOKS = {
    "3": ("enter", "v", "escape"),
    "4": ("z", "z", "z", "right", "t", "down", "escape"),
    "5": ("right", "enter", "escape", "o", "o", "right_square_bracket", "v", "v"),
    "6": ("v", "v", "v"),
    "7": ("v",),
    "2": (),
}


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "numbers"), SHAPES)
async def test_every_screen_shows_a_run_of_other_sizes(
    settings: dict[str, object], numbers: int, make_run: Callable[..., Run]
) -> None:
    run = make_run("odd", **{"epochs": 1, "batch_size": 100} | settings)
    train(run, cut_digits(200, 100))
    app = make_real_app(run.path.parent)
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = run
        for screen, keys in LOOKS.items():
            await press(pilot, screen)
            await until(pilot, lambda: "odd" in screen_text(app), "the run", 60)
            for key in keys:
                await press(pilot, key)
                text = screen_text(app)
                assert not any(wrong in text for wrong in ("damaged", "must be", "holds no", "size mismatch")), text
                assert not [note for note in app._notifications if note.severity == "error"]
            if screen == "4":
                await press(pilot, "z")
                assert ("a grid over the quantiles" in screen_text(app)) == (numbers == 2)
        await press(pilot, "5", "0")
        await press(pilot, "4", "t")
        assert f" of {numbers} active" in screen_text(app)
