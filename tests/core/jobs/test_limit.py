"""A trainer with a time limit saves and stops before it is over; the run knows nothing of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.jobs.trainer.intervals import Intervals
from core.jobs.trainer.limit import Deadline, TimeLimit, parse_duration
from core.runs.run import Run
from core.runs.status import State
from tests.support import run_files, trainers

MakeRun = Callable[..., Run]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("4h", 14_400), ("90m", 5400), ("1:30:00", 5400), ("1h30m", 5400), ("0.5h", 1800)),
        *(("45s", 45), ("1-12:00:00", 129_600), ("2d", 172_800), ("0:00:10", 10)),
    ],
)
def test_durations_are_read_as_schedulers_and_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "4", "1:30", "4x", "0s", "-4h", "h", "366d", "1e9h", "1:90:00", "30m4h", "nan"])
def test_what_could_be_read_in_two_ways_or_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="time limit must be a duration such as 4h"):
        parse_duration(text)


@given(st.text("0123456789:.-dhms٤ ", max_size=12))
def test_no_text_ends_in_another_error(text: str) -> None:
    with suppress(ConfigError):
        assert 0 < parse_duration(text) <= 365 * 86_400


def test_a_limit_is_said_in_words() -> None:
    assert [str(TimeLimit(seconds, 0)) for seconds in (14_400, 5430, 45)] == ["4 h", "1 h 30 min 30 s", "45 s"]


def test_what_saves_and_steps_take_is_left_before_the_limit() -> None:
    clock = [0.0]
    deadline = Deadline(TimeLimit(100, 0), Intervals(ending=3.0), lambda: clock[0])

    def first_second() -> float:
        for second in range(101):
            clock[0] = second
            if deadline.reached:
                return second
        raise AssertionError("it is never reached")

    assert first_second() == 97
    deadline.saved(5.0)
    deadline.saved(0.1)
    assert first_second() == 87
    clock[0] = 10
    deadline.step_begins()
    clock[0] = 14
    deadline.step_ended()
    assert first_second() == 79
    assert Deadline(None, Intervals(), lambda: 1e9).reached is None


def test_a_run_even_if_paused_stops_in_time_and_goes_on_without_a_limit_to_the_same_bits(
    make_small_run: MakeRun,
) -> None:
    undisturbed, run = (make_small_run(name, preset="vae") for name in ("undisturbed", "limited"))
    run.request("pause")  # the first step boundary acts on it
    began = time.monotonic()
    limit, quick = TimeLimit(30.0, began), replace(trainers.EVERY_LINE.intervals, ending=28.0)
    process = trainers.begin(run, replace(trainers.EVERY_LINE, time_limit=limit, intervals=quick))
    process.join(60)
    assert time.monotonic() - began < limit.seconds
    status = run.status()
    assert (process.exitcode, run.state(), status.reason) == (0, State.STOPPED, "its time limit of 30 s is reached")
    assert 0 < status.step == run_files.saved_step(run)
    assert "stopped: its time limit of 30 s is reached" in run.log_path.read_text()
    assert b"limit" not in (run.path / "config.json").read_bytes() + run.state_path.read_bytes()
    for each in (run, undisturbed):
        trainers.finish(each)
    assert run.status().reason is None
    run_files.assert_same_end(run, undisturbed)
