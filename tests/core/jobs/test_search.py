"""Lists, ranges and random trials: the values of a sweep, the same ones whenever they are asked for again."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.jobs import sweep
from core.jobs.search import Choice, Span, draw_trials, every_combination, parse_choice
from core.runs.run import Run


@pytest.mark.parametrize(
    ("setting", "text", "values"),
    [
        ("beta", "0.1..1:3", ["0.1", "0.316", "1"]),
        ("beta", "0..1:3", ["0", "0.5", "1"]),
        ("learning_rate", "1e-4..1e-2:3", ["0.0001", "0.001", "0.01"]),
        ("batch_size", "32..128:3", ["32", "64", "128"]),
        ("seed", "0..9:4", ["0", "3", "6", "9"]),
        ("seed", "0..2:9", ["0", "1", "2"]),
    ],
)
def test_a_range_is_tried_at_equal_factors_or_distances(setting: str, text: str, values: list[str]) -> None:
    choice = parse_choice(setting, text)
    assert isinstance(choice, Span)
    assert choice.values() == values


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("beta", "1..0.1", "begins with the smaller number, not 1..0.1"),
        ("beta", "a..b", "beta must be a range of numbers, not a..b"),
        ("beta", "0.1..1:1", "2 to 1,000 values"),
        ("beta", "0.1..inf", "begins with the smaller number"),
        ("preset", "1..2", "preset must be a list"),
    ],
)
def test_a_range_that_is_none_is_refused(setting: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_choice(setting, text)


def test_a_range_without_a_number_of_values_or_trials_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"say how many of it: 0.1..1:5, or --trials N"):
        every_combination({"beta": parse_choice("beta", "0.1..1")})


CHOICES: dict[str, Choice] = {"beta": Span("beta", 0.01, 1), "schedule": ["constant", "cosine"], "seed": ["0", "1"]}


def test_trials_are_the_same_again_and_more_of_them_begin_with_the_same() -> None:
    first = draw_trials(CHOICES, 20, seed=0)
    assert first == draw_trials(CHOICES, 20, seed=0)
    assert draw_trials(CHOICES, 30, seed=0)[:40] == first, "each with both seeds"
    assert draw_trials(CHOICES, 20, seed=1) != first
    other = {"precision": ["float32"], **CHOICES}
    assert [each["beta"] for each in draw_trials(other, 20, seed=0)] == [each["beta"] for each in first]


def test_what_is_multiplied_is_drawn_by_its_logarithm() -> None:
    drawn = [float(each["beta"]) for each in draw_trials({"beta": Span("beta", 0.01, 1)}, 400, seed=0)]
    below = sum(value < 0.1 for value in drawn) / 400
    assert math.isclose(below, 0.5, abs_tol=0.1), "as many below as above the middle of the factors"
    assert all(0.01 <= value <= 1 for value in drawn)


def test_more_trials_than_there_are_combinations_are_refused() -> None:
    with pytest.raises(ConfigError, match="trials must be at most 2: there are no more combinations"):
        draw_trials({"schedule": ["constant", "cosine"]}, 3, seed=0)


def test_the_name_of_a_trial_holds_its_values_whole(runs_dir: Path) -> None:
    rates = Span("learning_rate", 1e-5, 1e-2)
    choices: dict[str, Choice] = {"beta": Span("beta", 1e-6, 1), "learning_rate": rates, "seed": ["3"]}
    for member in sweep.plan_trials(runs_dir, "try", choices, {"dataset": "mnist-5k"}, 50, 0):
        assert member.run.name == f"try-beta{member.config.beta}-lr{member.config.learning_rate}"
        assert member.config.sweep == "try"
        assert list(member.varied) == ["beta", "learning_rate"]


def test_trials_of_one_value_are_refused(runs_dir: Path) -> None:
    with pytest.raises(ConfigError, match="trials must be left out where no setting has several values"):
        sweep.plan_trials(runs_dir, "try", {"beta": ["1"], "seed": ["0", "1"]}, {}, 5, 0)


def test_a_sweep_waits_as_a_whole_and_what_is_left_is_entered_again(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.jobs.queue import waiting
    from core.jobs.queue.starting import waiting_runs
    from core.runs.status import State

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    members = sweep.plan(runs_dir, "try", {"seed": ["0", "1", "2"]}, {"dataset": "mnist-5k"})
    first, second, third = (member.run for member in members)
    assert sweep.enqueue(members) == [first, second, third]
    assert [each.run for each in waiting_runs(runs_dir)] == [first, second, third]
    waiting.leave(second)
    waiting.leave(third)
    third.write_status(third.status().updated(state=State.FINISHED))
    assert sweep.enqueue(members) == [second]
    assert [each.run for each in waiting_runs(runs_dir)] == [first, second]
    assert Run(runs_dir / "try-seed2").state() is State.FINISHED
