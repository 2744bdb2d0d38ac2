"""A sweep trains every combination once, goes on where it was, and compares what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.jobs import launch, search, sweep
from core.jobs.queue import together
from core.jobs.sweep import Sweep
from core.jobs.trainer.limit import TimeLimit
from core.runs.choosing.seeds import Spread, spreads
from core.runs.run import Run
from core.runs.status import State

WaitUntil = Callable[..., None]

FIXED = {"dataset": "mnist-5k", "device": "cpu", "epochs": 1, "batch_size": 1000}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0", ["0"]),
        ("0-3", ["0", "1", "2", "3"]),
        ("1, 4-5,9", ["1", "4", "5", "9"]),
        ("1e-3,3e-4", ["1e-3", "3e-4"]),
        ("ae,vae-post", ["ae", "vae-post"]),
        ("3-3", ["3"]),
        ("", [""]),
    ],
)
def test_lists_of_values(text: str, values: list[str]) -> None:
    assert search.parse_values(text) == values


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ConfigError, match="must begin with the smaller number, not 5-3"):
        search.parse_values("1,5-3")


@pytest.mark.parametrize("text", ["0-1000", "0-999999999999"])
def test_a_range_that_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="at most 1,000 runs"):
        search.parse_values(text)


def test_every_combination_is_a_member_named_after_what_varies(runs_dir: Path) -> None:
    choices = {"preset": ["ae", "vae"], "learning_rate": ["1e-3"], "seed": ["0", "7"]}
    members = sweep.plan(runs_dir, "try", choices, FIXED)
    assert [member.run.name for member in members] == [
        "try-ae-seed0",
        "try-ae-seed7",
        "try-vae-seed0",
        "try-vae-seed7",
    ]
    assert [member.config.seed for member in members] == [0, 7, 0, 7]
    assert members[2].varied == {"preset": "vae", "seed": 0}
    assert not runs_dir.exists(), "planning writes nothing"
    rates = sweep.plan(runs_dir, "try", {"learning_rate": ["1e-3", "3e-4"]}, FIXED)
    assert [member.run.name for member in rates] == ["try-lr0.001", "try-lr0.0003"]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"seed": ["0", "x"]}, "seed must be a whole number, not x"),
        ({"preset": ["ae", "gan"]}, "preset must be one of"),
        ({"seed": ["1", "01"]}, "must not train try-seed1 twice"),
        ({"seed": [str(n) for n in range(501)], "preset": ["ae", "vae"]}, "at most 1,000 runs"),
    ],
)
def test_a_bad_value_is_explained_before_anything_is_trained(
    runs_dir: Path, choices: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        sweep.plan(runs_dir, "try", choices, FIXED)
    assert not runs_dir.exists()


def test_a_run_with_other_settings_is_not_taken_for_a_member(runs_dir: Path, make_run: Callable[..., Run]) -> None:
    make_run("try-seed0", **FIXED | {"seed": 0, "epochs": 2})
    with pytest.raises(ConfigError, match="taken by a run with other settings"):
        sweep.plan(runs_dir, "try", {"seed": ["0", "1"]}, FIXED)


@pytest.mark.slow
def test_a_sweep_trains_what_is_not_finished_and_no_more_at_a_time_than_there_are_slots(
    runs_dir: Path, wait_until: WaitUntil
) -> None:
    members = sweep.plan(runs_dir, "try", {"preset": ["ae"], "seed": ["0", "1", "2"]}, FIXED)
    first = Run.create(runs_dir, members[0].run.name, members[0].config)
    launch.start(first, threads=1)
    wait_until(lambda: first.state() is State.FINISHED, what="the first")
    weights = first.weights_version()

    runs = Sweep(members, ["cpu"], threads=1)
    at_once: list[int] = []

    def done() -> bool:
        runs.advance()
        at_once.append(sum(member.run.path.exists() and member.run.state().active for member in members))
        return not runs.active

    wait_until(done, what="the sweep")
    assert max(at_once) == 1
    assert [member.run.state() for member in members] == [State.FINISHED] * 3
    assert first.weights_version() == weights, "what is finished is left alone"
    assert members[2].run.config().device == "cpu"


def test_a_run_that_cannot_be_started_is_named_and_the_others_train(runs_dir: Path, wait_until: WaitUntil) -> None:
    members = sweep.plan(runs_dir, "try", {"seed": ["0", "1"]}, FIXED | {"preset": "ae"})
    runs_dir.mkdir()
    members[0].run.path.write_text("in the way")
    runs = Sweep(members[1:], ["cpu"], threads=1)
    runs._waiting.insert(0, members[0])

    def done() -> bool:
        runs.advance()
        return not runs.active

    wait_until(done, what="the sweep")
    assert list(runs.failures) == ["try-seed0"]
    assert members[1].run.state() is State.FINISHED


@dataclass
class Started:
    """Stands for a trainer's process, and says what it was started for."""

    names: list[str]
    device: str
    time_limit: float | None = None
    ended: bool = False
    is_late: bool = False


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """The processes that were started, none of which is there."""
    found: list[Started] = []

    def start(run: Run, others: Sequence[Run], time_limit: float | None, **ignored: object) -> Started:
        found.append(Started([one.name for one in (run, *others)], run.config().device, time_limit))
        return found[-1]

    monkeypatch.setattr(launch, "start", start)
    return found


def names(*seeds: int, batch: int = 64) -> list[str]:
    return [f"try-batch{batch}-seed{seed}" for seed in seeds]


CHOICES = {"preset": ["ae"], "batch_size": ["64", "128"], "seed": ["0", "1", "2"]}
ON_GPUS = {"dataset": "mnist-5k", "epochs": 1}


def test_members_that_can_share_a_step_are_trained_by_one_process_on_a_gpu(
    runs_dir: Path, started: list[Started]
) -> None:
    members = sweep.plan(runs_dir, "try", CHOICES, ON_GPUS)
    runs = Sweep(members, ["cuda:0"], threads=None, together=together.MOST_TOGETHER)
    runs.advance()
    assert started == [Started(names(0, 1, 2), "cuda:0")], "the others have batches of another size"
    started[0].ended = True
    runs.advance()
    assert started[1:] == [Started(names(0, 1, 2, batch=128), "cuda:0")]
    started[1].ended = True
    runs.advance()
    assert not runs.active


def test_each_gpu_has_its_part_of_the_members(runs_dir: Path, started: list[Started]) -> None:
    members = sweep.plan(runs_dir, "try", CHOICES | {"batch_size": ["64"], "seed": list("01234")}, ON_GPUS)
    runs = Sweep(members, ["cuda:0", "cuda:1"], threads=None, together=together.MOST_TOGETHER)
    runs.advance()
    assert [(len(one.names), one.device) for one in started] == [(3, "cuda:0"), (2, "cuda:1")]


def test_no_more_train_at_a_time_than_were_asked_for(runs_dir: Path, started: list[Started]) -> None:
    runs = Sweep(sweep.plan(runs_dir, "try", CHOICES, ON_GPUS), ["cuda:0"] * 2, threads=None)
    runs.advance()
    assert started == [Started(names(0, 1), "cuda:0")]
    started[0].ended = True
    runs.advance()
    assert started[1:] == [Started(names(2), "cuda:0"), Started(names(0, batch=128), "cuda:0")]


@pytest.mark.parametrize(
    ("device", "fixed"),
    [("cpu", {"preset": "ae"}), ("cuda:0", {"preset": "prior", "first_stage": "first", "first_stage_preset": "ae"})],
)
def test_on_a_cpu_and_for_a_prior_each_member_has_a_process_of_its_own(
    runs_dir: Path, started: list[Started], device: str, fixed: dict[str, object]
) -> None:
    members = sweep.plan(runs_dir, "try", {"seed": ["0", "1"]}, ON_GPUS | fixed)
    runs = Sweep(members, [device], threads=None, together=together.MOST_TOGETHER)
    runs.advance()
    assert [one.names for one in started] == [["try-seed0"]]


def test_a_member_that_was_begun_on_another_device_goes_on_there_by_itself(
    runs_dir: Path, started: list[Started], make_run: Callable[..., Run]
) -> None:
    make_run("try-seed1", **ON_GPUS | {"preset": "ae", "batch_size": 64, "seed": 1, "device": "cuda:1"})
    make_run("try-seed2", **ON_GPUS | {"preset": "ae", "batch_size": 64, "seed": 2, "device": "cuda:0"})
    members = sweep.plan(runs_dir, "try", {"seed": ["0", "1", "2"]}, ON_GPUS | {"preset": "ae", "batch_size": 64})
    runs = Sweep(members, ["cuda:0"], threads=None, together=together.MOST_TOGETHER)
    runs.advance()
    started[0].ended = True
    runs.advance()
    assert [one.names for one in started] == [["try-seed0", "try-seed2"], ["try-seed1"]]


def test_within_a_time_limit_each_trainer_has_what_is_left_of_it_and_none_begins_at_its_end(
    runs_dir: Path, started: list[Started]
) -> None:
    members = sweep.plan(runs_dir, "try", {"seed": ["0", "1", "2"]}, FIXED)
    runs = Sweep(members, ["cpu"], None, limit=TimeLimit(100.0, time.monotonic() - 40.0))
    runs.advance()
    (first,) = started
    assert first.time_limit == pytest.approx(60.0, abs=5.0)
    first.ended = True
    runs._limit = TimeLimit(100.0, time.monotonic() - 95.0)
    runs.advance()
    assert (len(started), runs.active, runs.ended_by_limit) == (1, False, True)
    members[0].run.write_status(members[0].run.status().updated(state=State.FAILED, error="no digits"))
    assert not runs.ended_by_limit, "what failed is no matter of time"


def test_members_that_differ_in_the_seed_only_are_one_group(runs_dir: Path) -> None:
    members = sweep.plan(runs_dir, "try", {"preset": ["ae", "vae"], "seed": ["0", "1", "2"]}, FIXED)
    varied = [member.varied for member in members]
    ae, vae = spreads(zip(varied, [1.0, 2.0, 3.0, 5.0, None, None], strict=True))
    assert ae == ({"preset": "ae"}, Spread(2.0, 1.0, 3))
    assert vae == ({"preset": "vae"}, Spread(5.0, None, 1))
