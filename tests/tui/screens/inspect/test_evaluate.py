"""Screen 7: what is measured, how it is asked for, shown and ended."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from core.errors import DamagedFile, DataError, RunError
from core.evaluation.results import METRIC_DESCRIPTIONS
from core.explorer.results import EvaluationResult
from core.runs.architecture.presets import PRESETS
from core.runs.run import Run
from tests.support.explorers import FakeEvaluator, make_evaluation, with_classes
from tests.support.readers import Readers
from tests.support.screens import MakeApp, answered, feed, press, screen_text, until
from tests.support.snapshots import OTHER, make_run_update, make_summary, run_update_of
from tests.tui.screens.inspect.evaluating import opened, row
from tui.app import VaeTui
from tui.messages import RunUpdate
from tui.screens.inspect.evaluate import EvaluateScreen
from tui.screens.inspect.measured import without_classes
from tui.screens.inspect.sample import SampleScreen
from tui.screens.runs.new_run import NewRun

SAMPLERS_OF_VAE = PRESETS["vae"].samplers


NOT_YET = "enter measures these metrics"


@pytest.fixture
def evaluator() -> FakeEvaluator:
    return FakeEvaluator()


@pytest.fixture
def app(make_app: MakeApp, updates: Readers[RunUpdate], evaluator: FakeEvaluator) -> VaeTui:
    updates.first = run_update_of
    return make_app(runs=[], evaluator=evaluator)


async def see_weights(pilot: Pilot[None], updates: Readers[RunUpdate], version: int) -> None:
    """Let the screen hear of other weights on disk."""
    await feed(pilot, updates.last, make_run_update(weights_version=version))


def shown_sampler(app: VaeTui) -> str:
    assert isinstance(app.screen, EvaluateScreen)
    return app.screen.shown_sampler


async def test_opening_it_measures_nothing_and_says_what_enter_would(app: VaeTui, evaluator: FakeEvaluator) -> None:
    async with opened(app):
        text = screen_text(app)
        assert "10,000 samples from the prior N(0, I), 3 seeds, mnist" in text
        assert NOT_YET in text
        assert all(name.replace("_", " ") in text for name in METRIC_DESCRIPTIONS)
        assert evaluator.asked == []


async def test_samplers_and_the_number_of_samples_are_chosen_by_key(app: VaeTui, evaluator: FakeEvaluator) -> None:
    async with opened(app, "z", "left_square_bracket") as pilot:
        assert "1,000 samples from a Gaussian for each latent number" in screen_text(app)
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: " 1,000 gaussian samples, 3 seeds, mnist" in screen_text(app), "fewer words")
        await press(pilot, "enter", "right_square_bracket", *["z"] * (len(SAMPLERS_OF_VAE) - 1), "enter")
        assert evaluator.asked == [("vae-mnist", "gaussian", 1_000, 3), ("vae-mnist", "prior", 10_000, 3)]


async def test_what_was_measured_before_is_there_at_once(app: VaeTui, evaluator: FakeEvaluator) -> None:
    newest, older = make_evaluation(frechet=2.25), make_evaluation(frechet=77.0)
    evaluator.kept = [EvaluationResult(each, 1, 12, "") for each in (newest, older)]
    async with opened(app) as pilot:
        text = screen_text(app)
        assert "7.25" in text  # 2.25 and the length of its sampler's name
        assert "prior: epoch 12" in text
        await press(pilot, "enter")  # is free to measure again
        assert evaluator.asked == [("vae-mnist", "prior", 10_000, 3)]


async def test_what_was_measured_otherwise_is_shown_with_how_it_was(app: VaeTui, evaluator: FakeEvaluator) -> None:
    few, old = make_evaluation(samples=300, seeds=1), make_evaluation(samples=1_000, frechet=20.25)
    aside = make_evaluation("gaussian", seeds=2)
    evaluator.kept = [EvaluationResult(few, 1, 12), EvaluationResult(old, 0, 9), EvaluationResult(aside, 1, 12)]
    async with opened(app) as pilot:
        assert "300 samples from the prior N(0, I), 1 seed, mnist" in screen_text(app)
        assert row(app, "frechet samples")[:4:2] == ["15.50", "18.50"]
        assert "10,000, 2 seeds" in screen_text(app)  # the other column, which compares with care
        await press(pilot, "right_square_bracket")
        assert "1,000 samples from the prior N(0, I), 3 seeds, mnist" in screen_text(app)
        assert row(app, "frechet samples")[0] == "25.25"
        assert "prior: epoch 9, the weights are newer: enter measures again" in screen_text(app)
        await press(pilot, "right_square_bracket")
        assert NOT_YET in screen_text(app)
        await press(pilot, "z")
        assert "10,000 samples from a Gaussian for each latent number, 2 seeds, mnist" in screen_text(app)


async def test_what_is_kept_is_shown_without_pytorch_and_also_where_no_more_can_be_measured(
    app: VaeTui, evaluator: FakeEvaluator
) -> None:
    evaluator.kept = [EvaluationResult(make_evaluation(), 0, 9)]
    evaluator.fail = DamagedFile(Path("model.safetensors"), "holds no vae model")
    async with opened(app):
        assert row(app, "frechet samples")[:1] == ["15.50"]
        assert "model.safetensors: holds no vae model" in screen_text(app)


async def test_an_autoencoder_begins_with_the_fitted_gaussian(app: VaeTui, evaluator: FakeEvaluator) -> None:
    async with app.run_test() as pilot:
        app.selected_run = OTHER
        await press(pilot, "7", "enter")
        assert evaluator.asked == [("ae-mnist", "gaussian", 10_000, 3)]


def learned_or_not(preset: str, run: Run) -> RunUpdate:
    return make_run_update(make_summary(run.name, preset=preset))


async def test_a_learned_prior_begins_with_itself_and_other_runs_have_none(
    make_app: MakeApp, updates: Readers[RunUpdate], evaluator: FakeEvaluator
) -> None:
    for preset, first in (("prior", "learned"), ("vae", "prior")):
        updates.first = partial(learned_or_not, preset)
        app = make_app(runs=[], evaluator=evaluator)
        async with opened(app) as pilot:
            steps = [shown_sampler(app)]
            for _ in PRESETS[preset].samplers:
                await press(pilot, "z")
                steps.append(shown_sampler(app))
            assert steps[0] == steps[-1] == first
            assert set(steps) == set(PRESETS[preset].samplers)


async def test_without_a_run_n_starts_one(app: VaeTui) -> None:
    async with app.run_test() as pilot:
        await pilot.press("7")
        await pilot.pause()
        assert "no run is chosen" in screen_text(app)
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(app.screen, NewRun)


def test_torch_is_not_imported_where_the_screen_is() -> None:
    code = "import sys, tui.app, tui.cli, tui.screens.inspect.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


async def test_it_says_what_it_is_at_and_keys_are_answered(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.gate.clear()
    async with opened(app) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: evaluator.words in screen_text(app), "the progress")
        assert "measuring with prior" in screen_text(app)
        await pilot.press("v")
        assert [note.message for note in app._notifications] == ["being measured"]
        evaluator.words = "seed 2: comparing samples with training images"
        await until(pilot, lambda: evaluator.words in screen_text(app), "the next progress")
        await pilot.press("enter", "z", "4")  # a second enter starts no second measurement
        await pilot.pause()
        assert isinstance(app.screen, SampleScreen)
        evaluator.gate.set()
        await press(pilot, "7")
        await until(pilot, lambda: "epoch 12" in screen_text(app), "the figures")
        assert len(evaluator.asked) == 1


async def test_figures_are_shown_as_they_come_in_and_not_for_the_whole(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.gate.clear()
    async with opened(app, size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "0.07" in screen_text(app), "the first figure")
        assert row(app, "frechet floor")[0] == "0.07"
        assert row(app, "frechet samples") == []
        assert "34%" in screen_text(app)
        await press(pilot, "escape")
        await until(pilot, lambda: "0.07" not in screen_text(app), "nothing of what was given up")
        evaluator.gate.set()


async def test_classes_and_what_was_asked_for_are_other_views_of_it(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.kept = [EvaluationResult(with_classes(make_evaluation(frechet=2.25), 10), 1, 12, "")]
    async with opened(app, size=(80, 24)) as pilot:
        assert "rebuilt" not in screen_text(app)
        await press(pilot, "v")
        lines = screen_text(app).splitlines()
        assert any(line.split()[:2] == ["class", "images"] for line in lines)
        assert any(line.split()[:5] == ["3", "class3", "13", "9.00", "4.00"] for line in lines)
        await press(pilot, "v")
        text = screen_text(app)
        assert "the class that was asked for" in text
        line = next(line for line in text.splitlines() if line.split()[:2] == ["3", "class3"])
        assert line.split()[2:] == ["·", "·", "·", "90", "10", *5 * ["·"], "100"]
        await pilot.resize_terminal(40, 12)
        await answered(pilot)
        assert "9 class9" not in screen_text(app)
        await press(pilot, "G")
        assert "9 class9" in screen_text(app)
        await press(pilot, "v")
        assert row(app, "frechet samples") == ["7.25", "0.12"]
        await press(pilot, "v", "z")  # of the next sampler nothing was measured
        assert NOT_YET in screen_text(app)
        await press(pilot, "v")
        (note,) = app._notifications
        assert note.message == "nothing of single classes was measured with this sampler: enter measures"


def test_of_images_without_labels_nothing_is_to_be_measured_of_classes() -> None:
    unlabelled = replace(make_evaluation(), left_out="Fréchet distance is left out: npz:/own.npz has no labels")
    assert "no labels" in without_classes(EvaluationResult(unlabelled, 1, 2))
    assert "enter measures" in without_classes(EvaluationResult(make_evaluation(), 1, 2))


async def test_progress_is_shown_twice_a_second_at_most(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.gate.clear()
    async with opened(app) as pilot:
        seen: set[str] = set()
        start = time.monotonic()
        await pilot.press("enter")

        def look() -> bool:
            evaluator.words = f"seed 0: {time.monotonic()}"
            seen.update(line for line in screen_text(app).splitlines() if "measuring with" in line)
            return len(seen) >= 4

        await until(pilot, look, "progress", 30)
        assert len(seen) <= 2 + 2 * (time.monotonic() - start)


async def test_escape_ends_a_measurement_at_once_and_another_can_follow(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.gate.clear()
    async with opened(app) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: evaluator.asked, "the measurement")
        await press(pilot, "escape")
        assert evaluator.ended == 1
        assert NOT_YET in screen_text(app)
        evaluator.gate.set()
        await press(pilot, "enter")
        assert "epoch 12" in screen_text(app)
        assert evaluator.ended == 2


async def test_another_run_ends_the_measurement(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.gate.clear()
    async with opened(app) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: evaluator.asked, "the measurement")
        app.selected_run = OTHER
        await answered(pilot)
        assert evaluator.ended == 1
        (note,) = app._notifications
        assert note.message == "the measurement was cancelled: another run is shown"
        assert "ae-mnist" in screen_text(app)


async def test_leaving_the_app_does_not_wait_for_a_measurement(app: VaeTui, evaluator: FakeEvaluator) -> None:
    evaluator.gate.clear()
    async with opened(app) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: evaluator.asked, "the measurement")
        left = time.monotonic()
    assert time.monotonic() - left < 3
    deadline = time.monotonic() + 5
    while not evaluator.ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert evaluator.ended == 1


async def test_figures_of_older_weights_stay_and_are_marked_until_measured_again(
    app: VaeTui, evaluator: FakeEvaluator, snapshot: SnapshotAssertion, updates: Readers[RunUpdate]
) -> None:
    async with opened(app, "enter", size=(80, 24)) as pilot:
        assert "older weights" not in screen_text(app)
        await see_weights(pilot, updates, 2)
        assert row(app, "frechet samples") == ["15.50", "0.12"]
        assert screen_text(app) == snapshot
        evaluator.weights, evaluator.epoch = 2, 15
        await press(pilot, "enter")
        assert row(app, "frechet samples") == ["10.25", "0.12"]
        assert "epoch 15" in screen_text(app)
        assert "older weights" not in screen_text(app)


async def test_figures_of_weights_that_a_trainer_replaced_meanwhile_do_not_pass_for_new(
    app: VaeTui, evaluator: FakeEvaluator, updates: Readers[RunUpdate]
) -> None:
    evaluator.gate.clear()
    async with opened(app) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: evaluator.asked, "the measurement")
        updates.last.waiting.append(make_run_update(weights_version=2))
        await pilot.pause()
        evaluator.gate.set()
        await answered(pilot)
        assert "older weights" in screen_text(app)
        assert "epoch 12" in screen_text(app)


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (RunError("vae-mnist has no weights yet: the trainer"), "vae-mnist has no weights yet"),
        (DamagedFile(Path("model.safetensors"), "holds no vae model"), "model.safetensors: holds no vae model"),
        (RunError("vae-mnist: what the model decodes is not finite"), "what the model decodes is not finite"),
    ],
)
async def test_a_run_that_cannot_be_measured_is_explained_until_it_can(
    app: VaeTui, evaluator: FakeEvaluator, trouble: Exception, message: str, updates: Readers[RunUpdate]
) -> None:
    evaluator.fail = trouble
    async with opened(app) as pilot:
        assert message in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await answered(pilot)
        assert message in screen_text(app)
        assert "frechet" not in screen_text(app)
        evaluator.fail = None
        await see_weights(pilot, updates, 2)
        assert message not in screen_text(app)
        assert NOT_YET in screen_text(app)


async def test_what_goes_wrong_on_the_way_is_said_and_enter_tries_again(app: VaeTui, evaluator: FakeEvaluator) -> None:
    async with opened(app) as pilot:
        evaluator.fail = DataError("qmnist is not in /data; get it with: vae-tui data --download qmnist")
        await press(pilot, "enter")
        assert "vae-tui data --download qmnist" in screen_text(app)
        await press(pilot, "z")
        assert NOT_YET in screen_text(app)
        evaluator.fail = None
        await press(pilot, "enter")
        assert "download" not in screen_text(app)
        assert "epoch 12" in screen_text(app)
