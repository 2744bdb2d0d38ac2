"""Numbers, times and states read alike everywhere."""

from __future__ import annotations

import pytest

from core.latents.options import SamplingOptions
from core.runs.status import State
from tests.support.snapshots import make_summary
from tui import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (59.4, "59 s"),
        (61, "1 m 1 s"),
        (599, "9 m 59 s"),
        (600, "10 m"),
        (3599, "59 m"),
        (11_540, "3 h 12 m"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (100, "2 m"), (3000, "50 m"), (11_540, "3 h 12 m")])
def test_an_estimate_is_to_the_minute(seconds: float, text: str) -> None:
    assert formatting.estimate(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(1, "now"), (75, "1 m"), (11_540, "3 h"), (200_000, "2 d")])
def test_an_age_has_one_unit(seconds: float, text: str) -> None:
    assert formatting.age(seconds) == text


def test_a_loss_that_is_not_known_is_a_dash() -> None:
    assert [formatting.loss(value) for value in (None, float("nan"), 0.0, 1234.567)] == ["–", "–", "0.00", "1234.57"]


def test_numbers_have_their_units() -> None:
    assert formatting.throughput(12_345.6) == "12,346 images/s"
    assert [formatting.count(number, "epoch") for number in (0, 1, 12)] == ["0 epochs", "1 epoch", "12 epochs"]
    assert [formatting.memory(size) for size in (999e6, 1.25e9)] == ["999 MB", "1.2 GB"]


def test_epochs_are_those_that_are_done_of_all() -> None:
    assert formatting.epochs(make_summary().status) == "2/10"
    assert formatting.epochs(None) == "–"


def test_every_state_has_a_sign_of_its_own_so_that_colour_is_not_needed() -> None:
    shown = {state: formatting.state(make_summary(state=state)).plain for state in State}
    assert len(set(shown.values())) == len(State)
    assert all(str(state) in text for state, text in shown.items())
    assert formatting.state(make_summary(damage="no config")).plain == "! damaged"


def test_what_is_asked_of_a_learned_prior_is_said_in_words() -> None:
    assert formatting.sampling_options(SamplingOptions(None, 1.0, 1)) == "any digit, 1 step"
    assert formatting.sampling_options(SamplingOptions(3, 2.5, 50)) == "digit 3, guidance 2.5, 50 steps"


@pytest.mark.parametrize(
    ("label", "classes", "title"),
    [
        (3, tuple("0123456789"), "3"),
        (1, ("cat", "dog"), "1 dog"),
        (35, tuple(map(str, range(47))), "35 Z"),
        (35, (*[""] * 35, "Z"), "35 Z"),
        (35, (*[""] * 35, "zebra"), "35 Z zebra"),
        (0, (), ""),
    ],
)
def test_a_class_has_one_name_which_has_its_sign_in_planes(label: int, classes: tuple[str, ...], title: str) -> None:
    assert formatting.class_title(label, classes) == title
