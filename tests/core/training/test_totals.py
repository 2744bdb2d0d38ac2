"""What a training adds up survives a save, and time spent in pauses does not count."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from core.errors import Diverged
from core.training.totals import LossTotals, RunningTotals, TrainingClock

CPU = torch.device("cpu")


@pytest.fixture
def tick() -> Callable[[], float]:
    """A clock on which every look takes a second."""
    seconds: Iterator[int] = iter(range(1000))
    return lambda: float(next(seconds))


def add(totals: RunningTotals, images: int, reconstruction: float, kl: float) -> None:
    totals.images += images
    totals.sums += torch.tensor([reconstruction, kl])


def test_step_lines_and_a_carry_over_an_epoch_make_up_everything() -> None:
    totals = RunningTotals(CPU)
    add(totals, 10, 30.0, 3.0)
    assert totals.take_unlogged(1) == LossTotals(10, 30.0, 3.0)
    add(totals, 10, 20.0, 2.0)
    totals.carry_over(totals.read(2))
    totals.reset()
    add(totals, 5, 4.0, 1.0)
    assert totals.take_unlogged(3) == LossTotals(15, 24.0, 3.0)
    assert totals.read(3) == LossTotals(5, 4.0, 1.0)


def test_totals_go_on_from_a_saved_state() -> None:
    totals, restored = RunningTotals(CPU), RunningTotals(CPU)
    add(totals, 10, 30.0, 3.0)
    totals.carry_over(totals.read(1))
    totals.reset()
    add(totals, 10, 20.0, 2.0)
    restored.load_state_dict(totals.state_dict(totals.sums, 0))
    for each in (totals, restored):
        add(each, 2, 1.0, 1.0)
    assert totals.state_dict(totals.sums, 0) == restored.state_dict(restored.sums, 0)
    assert restored.take_unlogged(3) == totals.take_unlogged(3) == LossTotals(22, 51.0, 6.0)


def test_totals_that_are_no_numbers_are_not_logged() -> None:
    totals = RunningTotals(CPU)
    add(totals, 1, float("nan"), 0.0)
    with pytest.raises(Diverged, match="the loss is no longer a finite number at step 7"):
        totals.take_unlogged(7)


def test_time_in_a_pause_does_not_count_also_where_a_pause_lies_in_another(tick: Callable[[], float]) -> None:
    clock = TrainingClock(tick)
    with clock.paused():
        clock.read()
        with clock.paused():
            clock.read()
        clock.read()
    assert clock.seconds == 1.0  # the second until the pause began
    assert clock.read() == 2.0


def test_throughput_is_that_since_the_last_report_or_epoch(tick: Callable[[], float]) -> None:
    clock = TrainingClock(tick)
    assert clock.report(100) == clock.images_per_second == 100.0
    clock.read()
    assert clock.since_report == 1.0
    assert clock.report(100) == 50.0
    assert clock.end_epoch(200) == 50.0
    assert clock.end_epoch(30) == 30.0


def test_a_clock_goes_on_from_a_saved_state(tick: Callable[[], float]) -> None:
    clock = TrainingClock(tick)
    clock.report(10)
    clock.read()
    restored = TrainingClock(tick)
    restored.load_state_dict(clock.state_dict())
    restored.start()
    assert restored.read() == 3.0
    assert restored.since_report == 2.0
    assert restored.images_per_second == 10.0
