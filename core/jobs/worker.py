"""One process that trains one run: signals, requests of viewers, the heartbeat. `python -P -m core.worker RUN_DIR`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from core.errors import DamagedFile, UserError
from core.runs.metrics_log import MetricsLog
from core.runs.run import Run
from core.runs.status import (
    HEARTBEAT_SECONDS,
    LOST_AFTER_SECONDS,
    Cause,
    State,
    StatusChanges,
    process_started,
    uptime,
)

if TYPE_CHECKING:
    from core.training.devices import LoadMeter
    from core.training.trainer import Trainer


CONTROL_SECONDS = 0.1
# Early saves let a viewer see the first pictures; later ones bound what a kill can cost.
FIRST_SAVE_SECONDS = 2.0
LAST_SAVE_SECONDS = 15.0
# Saving may take at most one part in so many of the time, and so may beating, but a host elsewhere must hear it.
SAVE_SHARE = BEAT_SHARE = 50
LONGEST_BEAT_SECONDS = LOST_AFTER_SECONDS / 3
# How long after the disk refused it a save is tried again.
RETRY_SECONDS = 1.0
# A viewer on the same machine goes first, and need not wait for the end of a trainer's turn.
NICENESS = 10
EXIT_FAILED = 1
EXIT_REFUSED = 3


class StopTraining(Exception):
    """Training ends before its goal because somebody asked for it."""


class Worker:
    """Trains one run to its goal, or until it is told to stop."""

    def __init__(
        self, run: Run, metrics: MetricsLog, epochs: int | None = None, learning_rate: float | None = None
    ) -> None:
        self.run, self.metrics = run, metrics
        self._goal, self._learning_rate = epochs, learning_rate
        before = run.status()
        pid = os.getpid()
        self._status = before.updated(
            state=State.RUNNING,
            pid=pid,
            process_started=process_started(pid),
            host=socket.gethostname(),
            epochs=epochs or before.epochs or run.config().epochs,
            images_per_second=0.0,
            device_load=None,
            error=None,
            cause=None,
        )
        self._trainer: Trainer | None = None
        self._meter: LoadMeter | None = None
        self._stop_signal: str | None = None
        self._save_signal = False
        self._paused = False
        self._control_seen = 0
        self._looked = self._beat = self._saved = 0.0
        self._save_cost = self._beat_cost = 0.0
        self._refused = self._mute = False

    def work(self) -> int:
        """Train; the exit status."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGUSR1, self._on_save)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self.run.sweep()
            self._train()
        except StopTraining as leave:
            say(f"stopped: {leave}")
            self._end(state=State.STOPPED)
        except Exception as error:  # noqa: BLE001 - whatever ends a training must end up where its users look
            say(traceback.format_exc())
            self._end(state=State.FAILED, error=describe(error), cause=cause(error))
            return EXIT_FAILED
        else:
            say("finished")
            self._end(state=State.FINISHED)
        return 0

    # Signals only leave a note; the next boundary acts on it

    def _on_stop(self, number: int, frame: object) -> None:
        self._stop_signal = signal.Signals(number).name

    def _on_save(self, number: int, frame: object) -> None:
        self._save_signal = True

    def _train(self) -> None:
        self._tell(activity="loading PyTorch")
        from core.data import registry
        from core.data.images import load_for_run
        from core.training import devices
        from core.training.distributed import init_distributed
        from core.training.trainer import Trainer

        config = self.run.config()
        self._tell(activity=f"loading {config.dataset}")
        images = load_for_run(config.image_source, registry.default_data_dir())
        device, ranks = init_distributed(config.device)
        self._meter = devices.LoadMeter(device)
        self._tell(activity=f"moving {config.dataset} to {device}", device=str(device))
        goal, rate = self._goal, self._learning_rate
        self._trainer = trainer = Trainer(self.run, images, device, self.metrics, goal, rate, ranks)
        name = f"{devices.describe(device)}, {trainer.method}"
        name += f", {ranks.count} processes" if ranks.count > 1 else ""
        say(f"training {config.preset} on {config.dataset} with {name} from step {trainer.step}")
        self._status = self._status.updated(device_name=name)
        self._save()
        for _ in trainer.steps():
            try:
                self._attend(trainer)
            except StopTraining:
                ranks.agree(True)
                raise
            ranks.agree(False)
        self._save()

    def _attend(self, trainer: Trainer) -> None:
        """What is due at a step boundary."""
        now = time.monotonic()
        if now - self._looked >= CONTROL_SECONDS:
            self._looked = now
            self._look_at_requests()
        if self._paused and not self._stop_signal:
            self._rest(trainer)
        if self._stop_signal:
            self._save()
            raise StopTraining(self._stop_signal)
        if self._save_signal or now - self._saved >= self._save_interval(trainer):
            self._save()
        elif now - self._beat >= self._beat_interval():
            self._tell(activity=trainer.activity)

    def _rest(self, trainer: Trainer) -> None:
        self._save()
        self._tell(state=State.PAUSED, activity="")
        with trainer.resting():
            while self._paused and not self._stop_signal:
                time.sleep(CONTROL_SECONDS)
                self._look_at_requests()
                if self._save_signal:
                    self._save()
                if time.monotonic() - self._beat >= self._beat_interval():
                    self._tell()
        if not self._stop_signal:
            self._tell(state=State.RUNNING, activity="training")

    def _look_at_requests(self) -> None:
        changed = self.run.request_version()
        if changed == self._control_seen:
            return
        self._control_seen = changed
        try:
            request = self.run.requested()
        except DamagedFile as error:
            say(f"ignored: {error}")
            return
        if request is None or request.id == self._status.handled:
            return
        say(f"asked to {request.action}")
        self._status = self._status.updated(handled=request.id)
        match request.action:
            case "pause":
                self._paused = True
            case "resume":
                self._paused = False
            case "save":
                self._save_signal = True
            case "stop":
                self._stop_signal = "asked to stop"
        self._tell()

    def _save_interval(self, trainer: Trainer) -> float:
        interval = min(max(trainer.seconds / 10, FIRST_SAVE_SECONDS), LAST_SAVE_SECONDS)
        return max(interval, SAVE_SHARE * self._save_cost)

    def _beat_interval(self) -> float:
        return min(max(HEARTBEAT_SECONDS, BEAT_SHARE * self._beat_cost), LONGEST_BEAT_SECONDS)

    def _save(self) -> None:
        """Save. While the disk refuses, training waits; it fails when it is to stop meanwhile."""
        assert self._trainer is not None
        self._save_signal = False
        while True:
            start = time.monotonic()
            try:
                self._trainer.save()
            except OSError as error:
                if self._stop_signal:
                    raise
                self._wait_for_disk(self._trainer, error)
            else:
                break
        self._saved = time.monotonic()
        self._save_cost = self._saved - start
        self._tell(saved_step=self._trainer.step)
        if self._refused:
            say("the disk takes it again")
            self._refused = False
            state, activity = (State.PAUSED, "") if self._paused else (State.RUNNING, "training")
            self._tell(state=state, activity=activity, error=None)

    def _wait_for_disk(self, trainer: Trainer, error: OSError) -> None:
        words = f"training waits until it can be saved: {error.strerror}"
        if not self._refused:
            say(words)
        self._refused = True
        self._tell(state=State.PAUSED, activity="", error=words)
        with trainer.resting():
            until = time.monotonic() + RETRY_SECONDS
            while time.monotonic() < until and not self._stop_signal:
                time.sleep(CONTROL_SECONDS)
                self._look_at_requests()

    def _tell(self, **news: Unpack[StatusChanges]) -> bool:
        """Beat, with what changed; whether it could be written. If not, it goes out with the next beat."""
        self._beat = time.monotonic()
        if self._trainer is not None:
            news.update(self._trainer.progress())
        if self._meter is not None:
            news["device_load"] = self._meter.read()
        self._status = self._status.updated(**news).updated(heartbeat=time.time(), uptime=uptime(), pid=os.getpid())
        try:
            self.run.write_status(self._status)
        except OSError as error:
            if not self.run.path.is_dir():
                raise
            if not self._mute:
                say(f"cannot write the status: {error.strerror}")
            self._mute = True
        else:
            self._mute = False
            self._beat_cost = time.monotonic() - self._beat
        return not self._mute

    def _end(self, **news: Unpack[StatusChanges]) -> None:
        """The last beat; worth waiting for a disk, as what it says would be lost."""
        self._stop_signal = None
        news["activity"] = ""
        while not self._tell(**news) and not self._stop_signal:
            time.sleep(RETRY_SECONDS)


def describe(error: BaseException) -> str:
    """Why a training failed, in one line that tells its reader what to do where there is something to do."""
    text = (str(error).strip().splitlines() or [""])[0][:500]
    if cause(error) == "memory":
        return f"the device is out of memory; a smaller batch size needs less ({text})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write the run: {error.strerror}"
    if type(error).__name__ == "DistBackendError" or ("gloo" in text and "peer" in text):
        return "another of the processes that trained the run together has ended"
    return text or type(error).__name__


def cause(error: BaseException) -> Cause | None:
    """The kind of failure, where something can be done about it."""
    kind = type(error).__name__  # the classes come from modules that load PyTorch
    if kind == "Diverged":
        return "diverged"
    if kind in ("OutOfMemoryError", "MemoryError") or "can't allocate memory" in str(error):
        return "memory"
    return None


def say(text: str) -> None:
    """A line for train.log, where there is room for it."""
    with suppress(OSError):  # the same disk may be full that the line is about
        print(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Train the run that the command line names; the exit status."""
    parser = argparse.ArgumentParser(prog="python -P -m core.worker", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--epochs", type=int, help="train to this epoch instead of the configured one")
    parser.add_argument("--learning-rate", type=float, help="go on with this learning rate instead of the saved one")
    given = parser.parse_args(arguments)
    run = Run(given.run_dir.absolute())
    os.nice(NICENESS)
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    if int(os.environ.get("RANK", "0")) > 0:
        from core.jobs.follower import run_follower_rank

        run_follower_rank(run, given.epochs, given.learning_rate)
        return 0
    try:
        with run.open_metrics() as metrics:
            return Worker(run, metrics, given.epochs, given.learning_rate).work()
    except (UserError, OSError) as error:
        say(f"refused: {error}")
        return EXIT_REFUSED
