"""One process that trains one run: signals, requests, heartbeats, saves. `python -P -m core.worker RUN_DIR`."""

from __future__ import annotations

import argparse
import math
import os
import signal
import socket
import time
import traceback
from pathlib import Path
from typing import Unpack

from core.errors import DamagedFile, UserError
from core.jobs.failures import cause, describe, log
from core.jobs.follower import run_follower_rank
from core.jobs.heartbeat import Heartbeat
from core.jobs.setup import Job, Setup, explained, load_trainer
from core.jobs.stages import Stages
from core.runs.metrics_log import MetricsLog
from core.runs.run import Run
from core.runs.status import State, StatusChanges, process_started

# A viewer on the same machine goes first, and need not wait for the end of a trainer's turn.
NICENESS = 10
EXIT_FAILED = 1
EXIT_REFUSED = 3


class StopTraining(Exception):
    """Training ends before its goal because somebody asked for it."""


class Worker:
    """Trains one run to its goal, or until it is told to stop."""

    def __init__(self, run: Run, metrics: MetricsLog, job: Job) -> None:
        self.run, self.metrics, self.job, self.intervals = run, metrics, job, job.intervals
        before, pid = run.status(), os.getpid()
        self._before = before
        status = before.updated(
            state=State.RUNNING,
            pid=pid,
            process_started=process_started(pid),
            host=socket.gethostname(),
            epochs=job.epochs or before.epochs or run.config().epochs,
            images_per_second=0.0,
            device_load=None,
            gpu=None,
            error=None,
            cause=None,
        )
        self._heartbeat = Heartbeat(run, status, job.intervals)
        self._setup: Setup | None = None
        self._stop_signal: str | None = None
        self._save_signal = self._paused = self._disk_refuses = False
        self._request_seen = 0
        self._described = ""
        self._looked = self._saved = -math.inf  # the first step boundary looks and saves
        self._save_cost = 0.0

    def work(self) -> int:
        """Train; the exit status."""
        signal.signal(signal.SIGTERM, self._on_stop_signal)
        signal.signal(signal.SIGINT, self._on_stop_signal)
        signal.signal(signal.SIGUSR1, self._on_save_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self.run.remove_temporary_files()
            self._train()
        except StopTraining as stop:
            log(f"stopped: {stop}")
            self._end(state=State.STOPPED)
        except Exception as failure:
            if self._setup is None and isinstance(failure, UserError):
                # Refused before it began: the run stays what it was.
                self.run.write_status(self._before.updated(error=describe(failure)))
                raise
            log(traceback.format_exc())
            error = explained(failure)
            self._end(state=State.FAILED, error=describe(error), cause=cause(error))
            return EXIT_FAILED
        else:
            log("finished")
            self._end(state=State.FINISHED)
        return 0

    # Handlers only leave a note; the next step boundary acts on it

    def _on_stop_signal(self, number: int, frame: object) -> None:
        self._stop_signal = signal.Signals(number).name

    def _on_save_signal(self, number: int, frame: object) -> None:
        self._save_signal = True

    # Training

    def _train(self) -> None:
        stages = Stages(lambda activity: self._update_status(activity=activity))
        self._setup = load_trainer(self.run, self.metrics, self.job, stages)
        trainer, config = self._setup.trainer, self.run.config()
        log(f"training {config.preset} on {config.dataset}")
        self._heartbeat.note(device=str(trainer.device))
        self._describe(self._setup)
        stages.begin("doing the first step")
        try:
            for number, _ in enumerate(trainer.steps()):
                if number == 0:
                    self._heartbeat.note(activity=trainer.activity)
                    log(f"started in {stages.summary()}")
                self._on_step(self._setup)
        except StopTraining:
            trainer.stop()
            raise
        self._save(self._setup)

    def _on_step(self, setup: Setup) -> None:
        """Do what is due at a step boundary. Raises StopTraining."""
        now = time.monotonic()
        if now - self._looked >= self.intervals.control:
            self._looked = now
            self._read_request()
            self._save_signal |= setup.trainer.waits_for_save
        if self._paused and not self._stop_signal:
            self._wait_while_paused(setup)
        if self._stop_signal:
            self._save(setup)
            raise StopTraining(self._stop_signal)
        interval = self.intervals.save_interval(setup.trainer.seconds, self._save_cost)
        if self._save_signal or now - self._saved >= interval:
            self._save(setup)
        elif self._heartbeat.due:
            self._update_status(activity=setup.trainer.activity)

    def _wait_while_paused(self, setup: Setup) -> None:
        self._save(setup)
        self._update_status(state=State.PAUSED, activity="")
        with setup.trainer.paused():
            while self._paused and not self._stop_signal:
                time.sleep(self.intervals.control)
                self._read_request()
                if self._save_signal:
                    self._save(setup)
                if self._heartbeat.due:
                    self._update_status()
        if not self._stop_signal:
            self._update_status(state=State.RUNNING, activity="training")

    def _read_request(self) -> None:
        version = self.run.request_version()
        if version == self._request_seen:
            return
        self._request_seen = version
        try:
            request = self.run.requested()
        except DamagedFile as error:
            log(f"ignored: {error}")
            return
        if request is None or request.id == self._heartbeat.status.handled:
            return
        log(f"asked to {request.action}")
        match request.action:
            case "pause":
                self._paused = True
            case "resume":
                self._paused = False
            case "save":
                self._save_signal = True
            case "stop":
                self._stop_signal = "asked to stop"
        self._update_status(handled=request.id)

    # Saving

    def _save(self, setup: Setup) -> None:
        """Save. While the disk refuses, training waits; told to stop meanwhile, it fails with OSError."""
        self._save_signal = False
        while True:
            start = time.monotonic()
            try:
                setup.trainer.save()
            except OSError as error:
                if self._stop_signal:
                    raise
                self._wait_for_disk(setup, error)
            else:
                break
        self._saved = time.monotonic()
        self._save_cost = self._saved - start
        self._describe(setup)
        self._update_status(saved_step=setup.trainer.step)
        if self._disk_refuses:
            log("the disk can be written again")
            self._disk_refuses = False
            state, activity = (State.PAUSED, "") if self._paused else (State.RUNNING, "training")
            self._update_status(state=state, activity=activity, error=None)

    def _describe(self, setup: Setup) -> None:
        """Say what trains from this step on, where that is new."""
        if setup.description != self._described:
            self._described = setup.description
            log(f"with {self._described} from step {setup.trainer.step}")
            self._heartbeat.note(device_name=self._described)

    def _wait_for_disk(self, setup: Setup, error: OSError) -> None:
        reason = f"training waits until it can be saved: {error.strerror}"
        if not self._disk_refuses:
            log(reason)
        self._disk_refuses = True
        self._update_status(state=State.PAUSED, activity="", error=reason)
        with setup.trainer.paused():
            until = time.monotonic() + self.intervals.retry
            while time.monotonic() < until and not self._stop_signal:
                time.sleep(self.intervals.control)
                self._read_request()

    # The status

    def _update_status(self, **changes: Unpack[StatusChanges]) -> bool:
        """Write the status with these changes and the progress; whether the disk took it."""
        if self._setup is not None:
            self._heartbeat.note(**self._setup.trainer.progress())
            self._heartbeat.note(**self._setup.meter.read())
        return self._heartbeat.beat(**changes)

    def _end(self, **changes: Unpack[StatusChanges]) -> None:
        """Write the last status; worth waiting for a disk, as what it says would be lost."""
        self._stop_signal = None
        self._heartbeat.note(**changes)
        while not self._update_status(activity="") and not self._stop_signal:
            time.sleep(self.intervals.retry)


def train(run: Run, job: Job | None = None) -> int:
    """Train a run in this process to its goal, or until it is told to stop; the exit status.

    Signal handlers are those of a trainer from then on.
    """
    try:
        run.training_config()  # before a file is made for a run of a newer version
        with run.open_metrics() as metrics:
            return Worker(run, metrics, job or Job()).work()
    except (UserError, OSError) as error:
        log(f"refused: {error}")
        return EXIT_REFUSED


def main(arguments: list[str] | None = None) -> int:
    """Train the run that the command line names; the exit status."""
    parser = argparse.ArgumentParser(prog="python -P -m core.worker", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--epochs", type=int, help="train to this epoch instead of the configured one")
    parser.add_argument("--learning-rate", type=float, help="go on with this learning rate instead of the saved one")
    given = parser.parse_args(arguments)
    run, job = Run(given.run_dir.absolute()), Job(given.epochs, given.learning_rate)
    os.nice(NICENESS)
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    if int(os.environ.get("RANK", "0")) > 0:
        run_follower_rank(run, job)
        return 0
    return train(run, job)
