"""What a trainer is told: by signals, which all runs of a process share, and by the requests of one run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from core.errors import ConfigError
from core.jobs.trainer.failures import Log
from core.jobs.trainer.limit import Deadline
from core.runs import requests
from core.runs.config import check_values
from core.runs.requests import LEARNING_RATE, Inbox, NumberedRequest
from core.runs.run import Run


class Signals:
    """What signals told this process, and all runs that it trains. Handlers only leave a note for step boundaries."""

    def __init__(self) -> None:
        self.stop: str | None = None  # the last that asked to stop
        self.stops = self.saves = 0  # how often each was asked for

    def handle(self) -> None:
        """Have signals mean to this process what they mean to a trainer, from now on."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGUSR1, self._on_save)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _on_stop(self, number: int, frame: object) -> None:
        self.stop = signal.Signals(number).name
        self.stops += 1

    def _on_save(self, number: int, frame: object) -> None:
        self.saves += 1


class Relay:
    """Has the first process of a run stop where a signal reached only another one, such as that of another machine."""

    SECONDS = 1.0  # that a signal has to reach the first process by itself

    def __init__(self, run: Run, signals: Signals, now: Callable[[], float] = time.monotonic) -> None:
        self._run, self._signals, self._now = run, signals, now
        self._heard: float | None = None
        self._asked = False

    def pass_on(self) -> None:
        """Ask the first process to stop if it goes on in spite of a signal, once. Raises OSError."""
        if self._signals.stop is None or self._asked:
            return
        self._heard = self._heard or self._now()
        if self._now() - self._heard >= self.SECONDS:
            self._run.request("stop")
            self._asked = True


SWEEP_STOPPED = "its sweep was stopped"
SetRate = Callable[[float, str], bool]  # a learning rate for the request of that id; whether that was not done before


class Orders:
    """What the training of one run is to do: to stop, and why, to wait, or to save."""

    def __init__(self, inbox: Inbox, signals: Signals, deadline: Deadline, log: Log) -> None:
        self.paused = False
        self._inbox, self._signals, self._deadline, self._log = inbox, signals, deadline, log
        self._asked_to_stop = self._save_due = self._sweep_stops = False
        self._saves_signalled = 0

    @property
    def stops(self) -> str | None:
        """Why training stops, if it was told to."""
        return "asked to stop" if self._asked_to_stop else self._signals.stop or self._deadline.reached

    @property
    def reason(self) -> str | None:
        """Why it stops before its goal, where more than this run does or a limit is reached."""
        return SWEEP_STOPPED if self._sweep_stops else self._deadline.reached

    @property
    def saves(self) -> bool:
        """Whether somebody waits for a save."""
        return self._save_due or self._saves_signalled != self._signals.saves

    def want_save(self) -> None:
        """Have the next save be due."""
        self._save_due = True

    def saving(self) -> None:
        """A save begins, which is for all who asked for one until now."""
        self._save_due, self._saves_signalled = False, self._signals.saves

    def read(self, set_rate: SetRate) -> None:
        """Take in what was asked since the last look."""
        for request in self._inbox.take():
            if isinstance(request, NumberedRequest) and request.action == LEARNING_RATE:
                self._change_rate(request, set_rate)
                continue
            self._log(f"asked to {request.action}")
            match request.action:
                case "pause":
                    self.paused = True
                case "resume":
                    self.paused = False
                case "save":
                    self._save_due = True
                case "stop":
                    self._asked_to_stop = True
                case requests.STOP_SWEEP:
                    self._asked_to_stop = self._sweep_stops = True
                case _:
                    self._log("ignored: only a newer version can do that")

    def _change_rate(self, request: NumberedRequest, set_rate: SetRate) -> None:
        """Go on with another learning rate; it is saved before the request is said to be done."""
        try:
            rate = check_values(learning_rate=request.value or 0).learning_rate
        except ConfigError as error:
            self._log(f"ignored: {error}")
            return
        if set_rate(rate, request.id):
            self._log(f"asked for learning rate {rate:g}")
        self._save_due = True
