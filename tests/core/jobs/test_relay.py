"""A signal that reaches only a machine without the first process of a run stops the run all the same, once."""

from __future__ import annotations

from collections.abc import Callable

from core.jobs.trainer.orders import Relay, Signals
from core.runs.run import Run

MakeRun = Callable[..., Run]


def test_the_first_process_is_asked_to_stop_if_it_goes_on_for_a_second_after_the_signal(make_run: MakeRun) -> None:
    run, signals, clock = make_run(), Signals(), [10.0]
    relay = Relay(run, signals, lambda: clock[0])
    relay.pass_on()
    assert run.requests.names() == []
    signals.stop = "SIGTERM"
    for second in (20.0, 20.9):
        clock[0] = second
        relay.pass_on()
        assert run.requests.names() == []
    for second in (21.0, 25.0):
        clock[0] = second
        relay.pass_on()
        assert len(run.requests.names()) == 1
