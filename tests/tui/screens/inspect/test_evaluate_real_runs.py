"""Screen 7 with real models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import RunError
from core.explorer.queries import RunExplorer
from core.runs.config import make_config
from core.runs.run import Run
from tests.conftest import cut_digits, make_trained_run
from tests.support.explorers import FakeEvaluator
from tests.support.readers import Readers
from tests.support.screens import MakeApp, make_real_app, press, screen_text, until
from tests.support.snapshots import run_update_of
from tests.tui.screens.inspect.evaluating import row
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.screens.inspect.evaluate import EvaluateScreen


@pytest.fixture
def evaluator() -> FakeEvaluator:
    return FakeEvaluator()


@pytest.fixture
def app(make_app: MakeApp, updates: Readers[RunUpdate], evaluator: FakeEvaluator) -> VaeTui:
    updates.first = run_update_of
    return make_app(runs=[], evaluator=evaluator)


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has little to look at, so that measuring takes a second or two."""
    few = cut_digits(500, 200)
    monkeypatch.setattr("core.data.images.load_image_set", lambda name, place=None: few)
    monkeypatch.setattr("core.evaluation.evaluate.IMPORTANCE_SAMPLES", 20)
    monkeypatch.setattr("core.evaluation.evaluate.IMPORTANCE_IMAGES", 3)


async def test_a_real_run_is_measured(tmp_path: Path, few_images: None) -> None:
    run = make_trained_run(tmp_path, "vae")
    app = make_real_app(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = run
        await press(pilot, "7", "left_square_bracket")
        await pilot.press("enter")
        await until(pilot, lambda: "classifier: 99." in screen_text(app), "the figures", 60)
        assert "1,000 samples from the prior N(0, I), 3 seeds, mnist-5k" in screen_text(app)
        assert "epoch 100" in screen_text(app)
        assert isinstance(app.screen, EvaluateScreen)
        (measured,) = app.screen.shown.values()
        assert measured.evaluation.frechet_samples is not None
        assert row(app, "frechet samples")[0] == f"{measured.evaluation.frechet_samples.mean:.2f}"
        assert row(app, "frechet floor")[:2] == [f"{measured.evaluation.frechet_floor:.2f}", "–"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("new", "new has no weights yet: the trainer saves them soon after it starts"),
        ("broken", "broken: model.safetensors: holds no vae model"),
        ("unreadable", "unreadable: config.json"),
    ],
)
async def test_what_is_wrong_with_a_real_run_is_said_when_it_is_opened(tmp_path: Path, name: str, said: str) -> None:
    run = Run.create(tmp_path, name, make_config(dataset="mnist-5k"))
    if name != "new":
        run.write_weights(b"no weights")
    if name == "unreadable":
        (run.path / "config.json").write_text("{")
    app = make_real_app(tmp_path)
    async with app.run_test(size=(120, 24)) as pilot:
        app.selected_run = run
        await press(pilot, "7")
        assert said in screen_text(app)


def test_a_learned_prior_cannot_be_measured_before_it_has_weights(make_run: Callable[..., Run]) -> None:
    run = make_run(preset="prior")
    with pytest.raises(RunError, match="a-run has no weights yet"):
        RunExplorer.open(run, run.path).check_evaluable()


def test_a_measurement_of_a_real_run_ends_where_its_progress_is_refused(tmp_path: Path, few_images: None) -> None:
    class Enough(Exception):
        pass

    heard: list[str] = []

    def say(words: str) -> None:
        heard.append(words)
        if len(heard) == 3:
            raise Enough

    with pytest.raises(Enough):
        RunExplorer.open(make_trained_run(tmp_path, "vae"), tmp_path, say).evaluate("prior", 1_000, 3)
    assert len(heard) == 3
