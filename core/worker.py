"""One process that trains one run: signals, requests of viewers, the heartbeat. `python -P -m core.worker RUN_DIR`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.files import DamagedFile
from core.metrics import MetricsLog
from core.run import Run, RunError
from core.status import HEARTBEAT_SECONDS, State, process_started, uptime

if TYPE_CHECKING:
    from core.devices import LoadMeter
    from core.training import Trainer

CONTROL_SECONDS = 0.1
# Early saves let a viewer see the first pictures; later ones bound what a kill can cost.
FIRST_SAVE_SECONDS = 2.0
LAST_SAVE_SECONDS = 15.0
# Saving may take at most one part in so many of the time.
SAVE_SHARE = 50
# A viewer on the same machine goes first.
NICENESS = 5

EXIT_FAILED = 1
EXIT_REFUSED = 3


class Leave(Exception):
    """Training ends before its goal because somebody asked for it."""


class Worker:
    """Trains one run to its goal, or until it is told to stop."""

    def __init__(self, run: Run, metrics: MetricsLog, epochs: int | None) -> None:
        self.run, self.metrics = run, metrics
        before = run.status()
        pid = os.getpid()
        self._goal = epochs
        self._status = before.model_copy(
            update={
                "state": State.RUNNING,
                "pid": pid,
                "process_started": process_started(pid),
                "host": socket.gethostname(),
                "epochs": epochs or before.epochs or run.config().epochs,
                "images_per_second": 0.0,
                "device_load": None,
                "error": None,
            }
        )
        self._trainer: Trainer | None = None
        self._meter: LoadMeter | None = None
        self._stop_signal: str | None = None
        self._save_signal = False
        self._paused = False
        self._control_seen = 0
        self._looked = self._beat = self._saved = 0.0
        self._save_cost = 0.0

    def work(self) -> int:
        """Train; the exit status."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGUSR1, self._on_save)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self.run.sweep()
            self._train()
        except Leave as leave:
            say(f"stopped: {leave}")
            self._tell(state=State.STOPPED, activity="")
        except Exception as error:  # noqa: BLE001 - whatever ends a training must end up where its users look
            traceback.print_exc()
            self._tell(state=State.FAILED, activity="", error=describe(error))
            return EXIT_FAILED
        else:
            say("finished")
            self._tell(state=State.FINISHED, activity="")
        return 0

    # Signals only leave a note; the next boundary acts on it

    def _on_stop(self, number: int, frame: object) -> None:
        self._stop_signal = signal.Signals(number).name

    def _on_save(self, number: int, frame: object) -> None:
        self._save_signal = True

    def _train(self) -> None:
        self._tell(activity="loading PyTorch")
        from core import browsing, data, devices
        from core.training import Trainer

        config = self.run.config()
        self._tell(activity=f"loading {config.dataset}")
        images = browsing.training_images(config, data.default_data_dir())
        device = devices.resolve(config.device)
        self._meter = devices.LoadMeter(device)
        self._tell(activity=f"moving {config.dataset} to {device}", device=str(device))
        self._trainer = trainer = Trainer(self.run, images, device, self.metrics, self._goal)
        say(f"training {config.preset} on {config.dataset} with {devices.describe(device)} from step {trainer.step}")
        self._status = self._status.model_copy(update={"device_name": devices.describe(device)})
        if trainer.epoch >= trainer.epochs:
            raise RunError(f"all {trainer.epochs} epochs are done; ask for more with --epochs")
        self._save()
        for _ in trainer.steps():
            self._attend(trainer)
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
            raise Leave(self._stop_signal)
        if self._save_signal or now - self._saved >= self._save_interval(trainer):
            self._save()
        elif now - self._beat >= HEARTBEAT_SECONDS:
            self._tell(activity="validating" if trainer.validating else "training")

    def _rest(self, trainer: Trainer) -> None:
        self._save()
        self._tell(state=State.PAUSED, activity="")
        with trainer.resting():
            while self._paused and not self._stop_signal:
                time.sleep(CONTROL_SECONDS)
                self._look_at_requests()
                if self._save_signal:
                    self._save()
                if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
                    self._tell()
        if not self._stop_signal:
            self._tell(state=State.RUNNING, activity="training")

    def _look_at_requests(self) -> None:
        changed = self.run.control_changed()
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
        self._status = self._status.model_copy(update={"handled": request.id})
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

    def _save(self) -> None:
        assert self._trainer is not None
        self._save_signal = False
        start = time.monotonic()
        self._trainer.save()
        self._saved = time.monotonic()
        self._save_cost = self._saved - start
        self._tell(saved_step=self._trainer.step)

    def _tell(self, **news: object) -> None:
        """Beat, with what changed."""
        self._beat = time.monotonic()
        if self._trainer is not None:
            news |= self._trainer.progress()
        if self._meter is not None:
            news["device_load"] = self._meter.read()
        self._status = self._status.model_copy(
            update=news | {"heartbeat": time.time(), "uptime": uptime(), "pid": os.getpid()}
        )
        self.run.write_status(self._status)


def describe(error: BaseException) -> str:
    """Why a training failed, in one line that tells its reader what to do where there is something to do."""
    text = (str(error).strip().splitlines() or [""])[0][:500]
    if type(error).__name__ == "OutOfMemoryError":
        return f"the device is out of memory; a smaller batch size needs less ({text})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write the run: {error.strerror}"
    return text or type(error).__name__


def say(text: str) -> None:
    """A line for train.log."""
    print(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Train the run that the command line names; the exit status."""
    parser = argparse.ArgumentParser(prog="python -P -m core.worker", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--epochs", type=int, help="train to this epoch instead of the configured one")
    given = parser.parse_args(arguments)
    run = Run(given.run_dir.absolute())
    os.nice(NICENESS)
    try:
        with run.open_metrics() as metrics:
            return Worker(run, metrics, given.epochs).work()
    except (RunError, DamagedFile, OSError) as error:
        say(f"refused: {error}")
        return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
