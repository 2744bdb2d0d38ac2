"""Completing a digit: what is seen is kept, what is hidden is not looked at, and answers differ where they can."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from core.arrays import Images
from core.data.images import load_image_set
from core.explorer.queries import RunExplorer
from core.latents.completion.visible import VisiblePixels
from core.latents.options import CompletionOptions
from core.latents.schedulers import DDPM, SCHEDULERS, FlowMatching
from core.runs.run import Run
from core.sketch.sheet import Sheet, pixels_of
from tests.conftest import CHECKPOINTS

HIDDEN = pixels_of("lower")
ZERO = 2  # a validation image, whose upper half might be a 4's or a 7's


@pytest.fixture(scope="module")
def digits() -> Images:
    images: Images = load_image_set("mnist-5k").validation_images[:20, 2:-2, 2:-2].numpy().astype(np.float32)
    return images / np.float32(255)


@pytest.fixture(params=["prior-mnist", "vae-mnist", "ae-mnist"])
def explorer(request: pytest.FixtureRequest, tmp_path: Path) -> RunExplorer:
    return RunExplorer.open(Run(CHECKPOINTS / request.param), tmp_path)


def test_answers_keep_what_is_seen_do_not_look_at_what_is_hidden_and_differ(
    explorer: RunExplorer, digits: Images
) -> None:
    digit, options = digits[ZERO], CompletionOptions(count=3, seed=1)
    found = explorer.complete(digit, HIDDEN, options)
    # The model itself, which is shown all of the digit, makes this error there.
    own = np.square(explorer.reconstruct(digit[None]).images[0] - digit)[~HIDDEN].sum()
    assert found.errors.max() < 2 * own + 2
    assert np.square(found.images - digit)[:, ~HIDDEN].sum(axis=1).max() < 2 * own + 2
    guesses = found.images[:, HIDDEN]
    assert min(np.square(one - other).sum() for one, other in combinations(guesses, 2)) > 1
    other = digit.copy()
    other[HIDDEN] = np.random.default_rng(0).random(HIDDEN.sum(), np.float32)
    again = explorer.complete(other, HIDDEN, options)
    np.testing.assert_array_equal(again.images, found.images)
    np.testing.assert_array_equal(again.latents, found.latents)


def test_a_digit_that_the_learned_prior_is_asked_for_is_what_it_completes_to(digits: Images, tmp_path: Path) -> None:
    explorer = RunExplorer.open(Run(CHECKPOINTS / "prior-mnist"), tmp_path)
    for asked in (0, 4):
        found = explorer.complete(digits[ZERO], HIDDEN, CompletionOptions(count=3, digit=asked, guidance=2.0))
        assert found.digits is not None
        assert (found.digits == asked).all(), found.digits


@pytest.mark.parametrize("name", SCHEDULERS)
def test_latents_are_expected_where_the_noise_is_predicted_that_was_added(name: str) -> None:
    scheduler = SCHEDULERS[name]()
    z, noise = torch.randn((2, 3, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    noisy = scheduler.add_noise(z, noise, torch.full((3,), 0.45))
    assert isinstance(scheduler, (FlowMatching, DDPM))
    torch.testing.assert_close(scheduler.expected(noisy.latents, noisy.target, 0.45), z, atol=1e-4, rtol=1e-4)


def test_varied_answers_are_those_farthest_apart_among_those_that_agree() -> None:
    sheet = Sheet(hidden=HIDDEN)
    visible = VisiblePixels.of(sheet.ink, sheet.hidden)
    output = torch.zeros(6, 1, 32, 32)
    output[:, 0, 20, 10] = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0, 1.0])  # hidden
    output[5, 0, 3, 10] = 2.0  # seen: not as it should be
    assert visible.errors(output).tolist() == [0, 0, 0, 0, 0, 4]
    assert visible.varied(output, 3).tolist() == [0, 4, 2]
