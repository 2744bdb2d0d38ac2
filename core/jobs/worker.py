"""Trains one run turn by turn, between which its process may train others: requests, heartbeats, saves."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Unpack
from uuid import uuid4

from pydantic import ValidationError

from core import files
from core.errors import UserError
from core.jobs.setup import Job, Setup, Shared, explained, load_trainer
from core.jobs.trainer.failures import Log, cause, describe
from core.jobs.trainer.heartbeat import Heartbeat, TakenOver, at_begin
from core.jobs.trainer.limit import Deadline
from core.jobs.trainer.orders import Orders, Signals
from core.jobs.trainer.stages import Stages
from core.runs.metrics.log import MetricsLog
from core.runs.requests import Inbox
from core.runs.run import Run
from core.runs.status import Asked, State, StatusChanges

if TYPE_CHECKING:
    from core.jobs.setup import Saving

EXIT_FAILED = 1
Turns = Generator[bool, None, None]  # each says whether the run waits, with nothing to do for a while


class StopTraining(Exception):
    """Training ends before its goal because somebody asked for it."""


class Worker:
    """Trains one run to its goal, or until it is told to stop.

    Where it is one of several runs of this process, `shared` is what they have together.
    """

    def __init__(
        self, run: Run, metrics: MetricsLog, job: Job, signals: Signals, log: Log, shared: Shared | None
    ) -> None:
        self.run, self.metrics, self.job, self.intervals = run, metrics, job, job.intervals
        self._signals, self._log, self._shared = signals, log, shared
        before = self._before = run.last_status()
        now = Asked(id=uuid4().hex, epochs=job.epochs, learning_rate=job.learning_rate)
        status = at_begin(run, before, metrics, now)
        self._heartbeat = Heartbeat(run, status, job.intervals, self._log, metrics.is_replaced)
        self._setup: Setup | None = None
        self._inbox = Inbox(run.requests, before.handled, before.done_request or 0, log)
        self._deadline = Deadline(job.time_limit, job.intervals)
        self._orders = Orders(self._inbox, signals, self._deadline, log)
        self._disk_refuses = False
        self._described = self._trouble = ""
        self._looked = self._saved = -math.inf  # the first step boundary looks and saves
        self._save_cost = 0.0
        self._saving: Saving | None = None  # a save that is written while training goes on

    def work(self) -> Generator[bool, None, int]:
        """Train; the exit status."""
        try:
            if unguarded := self._heartbeat.status.unguarded:
                self._log(f"{unguarded} ({self.metrics.not_locked})")
            files.persist(self.run.remove_temporary_files)
            yield from self._train()
        except TakenOver:
            raise  # the status is the other trainer's
        except StopTraining as stop:
            self._log(f"stopped: {stop}")
            yield from self._end(state=State.STOPPED, reason=self._orders.reason)
        except Exception as failure:
            if self._setup is None and isinstance(failure, UserError):
                # Refused before it began: the run stays what it was.
                self.run.write_status(self._before.updated(error=describe(failure)))
                raise
            self._log(traceback.format_exc())
            self._wait_for_save()
            error = explained(failure)
            if isinstance(failure, ValidationError):
                self._setup = None  # no status can tell of its progress
            yield from self._end(state=State.FAILED, error=describe(error), cause=cause(error))
            return EXIT_FAILED
        else:
            reason = self._setup.trainer.ended_early if self._setup else None
            self._log(f"finished: {reason}" if reason else "finished")
            yield from self._end(state=State.FINISHED, reason=reason)
        finally:
            self._wait_for_save()  # nothing is written once others may take the lock
        return 0

    @property
    def setup(self) -> Setup | None:
        """What trains, once it is loaded."""
        return self._setup

    # Training

    def _train(self) -> Turns:
        if self._shared is not None:  # all of them are shown as running before the first one loads
            self._update_status(activity="waiting for the other runs of its process")
            yield False
        stages = Stages(lambda activity: self._update_status(activity=activity))
        asked = self._heartbeat.status.asked
        self._setup = load_trainer(self.run, self.metrics, self.job, stages, self._shared, asked)
        trainer, config = self._setup.trainer, self.run.config()
        self._log(f"training {config.preset} on {config.dataset_title}")
        if self._setup.left_out:
            self._log(self._setup.left_out)
        self._heartbeat.note(device=str(trainer.device), left_out=self._setup.left_out.partition(":")[0])
        self._describe(self._setup, trainer.step)
        stages.begin("doing the first step")
        try:
            for number, _ in enumerate(trainer.steps()):
                self._deadline.step_ended()
                yield False
                if number == 0:
                    self._heartbeat.note(activity=trainer.activity, begun=True)
                    self._log(f"started in {stages.summary()}")
                yield from self._on_step(self._setup)
                self._deadline.step_begins()
        except StopTraining:
            trainer.stop()
            raise
        yield from self._save(self._setup)

    def _on_step(self, setup: Setup) -> Turns:
        """Do what is due at a step boundary. Raises StopTraining."""
        now = time.monotonic()
        if now - self._looked >= self.intervals.control:
            self._looked = now
            self._orders.read(setup.trainer.set_learning_rate)
            if setup.trainer.waits_for_save:
                self._orders.want_save()
        if self._orders.paused and not self._orders.stops:
            yield from self._wait_while_paused(setup)
        if reason := self._orders.stops:
            yield from self._save(setup)
            raise StopTraining(reason)
        interval = self.intervals.save_interval(setup.trainer.seconds, self._save_cost)
        if self._orders.saves:
            yield from self._save(setup)
        elif self._saving is not None and self._saving.done:
            yield from self._end_save(setup, self._saving)
        elif self._saving is None and now - self._saved >= interval:
            yield from self._begin_save(setup)
        elif self._inbox.unanswered:
            self._answer()
        elif self._heartbeat.due:
            self._update_status(activity=setup.trainer.activity)

    def _wait_while_paused(self, setup: Setup) -> Turns:
        yield from self._save(setup)
        self._update_status(state=State.PAUSED, activity="")
        with setup.trainer.paused():
            while self._orders.paused and not self._orders.stops:
                yield from self._wait(self.intervals.control)
                self._orders.read(setup.trainer.set_learning_rate)
                if self._orders.saves:
                    yield from self._save(setup)
                elif self._inbox.unanswered and not self._orders.stops:
                    self._answer()
                elif self._heartbeat.due:
                    self._update_status()
        if not self._orders.stops:
            self._update_status(state=State.RUNNING, activity="training")

    # What it is told

    def _answer(self, **changes: Unpack[StatusChanges]) -> None:
        """Say that all that was asked is done; only then is it gone, so that nothing is lost to a kill."""
        self._heartbeat.note(**self._inbox.answers())
        if self._update_status(**changes):
            self._inbox.let_go()

    def _wait(self, seconds: float) -> Turns:
        """Let so many seconds pass, unless it is told to stop."""
        until = time.monotonic() + seconds
        yield True
        while time.monotonic() < until and not self._orders.stops:
            yield True

    # Saving

    def _begin_save(self, setup: Setup) -> Turns:
        """Save while training goes on; where the disk refuses it, training waits."""
        try:
            self._saving = setup.trainer.begin_save(measured=False)
        except OSError as error:
            yield from self._save(setup, refused=error)

    def _end_save(self, setup: Setup, saving: Saving) -> Turns:
        """Say that a save is on the disk; where the disk refused it, training waits."""
        self._saving = None
        try:
            saving.wait()
        except OSError as error:
            yield from self._save(setup, refused=error)
        else:
            self._note_saved(setup, saving)

    def _wait_for_save(self) -> None:
        """Return once nothing is written any more, where training ends without a last save."""
        saving, self._saving = self._saving, None
        try:
            if saving is not None:
                saving.wait()
                self._heartbeat.note(saved_step=saving.step, asked=())
        except Exception as error:  # noqa: BLE001 - what ended the training is what its user has to know first
            self._log(f"the save before that failed: {describe(error)}")

    def _save(self, setup: Setup, refused: OSError | None = None) -> Turns:
        """Save, with what is measured of the weights for whoever takes them, and wait for the disk.

        While the disk refuses, as it did before where that is given, training waits; told to stop meanwhile, it fails
        with OSError.
        """
        saving, self._saving = self._saving, None
        if saving is not None:
            with suppress(OSError):  # where the disk goes on refusing, this save tells
                saving.wait()
        while True:
            if refused is not None:
                if self._orders.stops:
                    raise refused
                yield from self._wait_for_disk(setup, refused)
            self._orders.saving()
            try:
                saving = setup.trainer.begin_save(measured=True)
                saving.wait()
            except OSError as error:
                refused = error
            else:
                break
        self._note_saved(setup, saving)

    def _note_saved(self, setup: Setup, saving: Saving) -> None:
        """Say that all that was asked is done, after a save that brought it to the disk."""
        self._saved = time.monotonic()
        self._save_cost = saving.seconds
        self._deadline.saved(self._save_cost)
        self._describe(setup, saving.step)
        self._tell_of_snapshots(setup)
        self._answer(saved_step=saving.step, asked=())
        if self._disk_refuses:
            self._log("the disk can be written again")
            self._disk_refuses = False
            state, activity = (State.PAUSED, "") if self._orders.paused else (State.RUNNING, "training")
            self._update_status(state=state, activity=activity, error=None)

    def _describe(self, setup: Setup, step: int) -> None:
        """Say what trains from this step on, where that is new."""
        if setup.description != self._described:
            self._described = setup.description
            self._log(f"with {self._described} from step {step}")
            self._heartbeat.note(device_name=self._described)

    def _tell_of_snapshots(self, setup: Setup) -> None:
        """Say that the disk takes no snapshots, or takes them again; training goes on without them."""
        if setup.trainer.snapshots.trouble != self._trouble:
            self._trouble = setup.trainer.snapshots.trouble
            self._log(self._trouble or "snapshots are kept again")

    def _wait_for_disk(self, setup: Setup, error: OSError) -> Turns:
        reason = f"training waits until it can be saved: {error.strerror}"
        if not self._disk_refuses:
            self._log(reason)
        self._disk_refuses = True
        self._update_status(state=State.PAUSED, activity="", error=reason)
        with setup.trainer.paused():
            until = time.monotonic() + self.intervals.retry
            while time.monotonic() < until and not self._orders.stops:
                yield from self._wait(self.intervals.control)
                self._orders.read(setup.trainer.set_learning_rate)

    # The status

    def _update_status(self, **changes: Unpack[StatusChanges]) -> bool:
        """Write the status with these changes and the progress; whether the disk took it."""
        if self._setup is not None:
            self._heartbeat.note(**self._setup.trainer.progress())
            load, trainer = self._setup.meter.read(), self._setup.trainer
            self._heartbeat.note(**load)
            trainer.reports.device(trainer.epoch, trainer.step, load["gpu"])
            self._setup.threads.adapt()
        return self._heartbeat.beat(**changes)

    def _end(self, **changes: Unpack[StatusChanges]) -> Turns:
        """Write the last status; worth waiting for a disk, as what it says would be lost, until told to stop again."""
        stops = self._signals.stops
        self._heartbeat.note(**changes)
        while not self._update_status(activity="") and self._signals.stops == stops:
            until = time.monotonic() + self.intervals.retry
            while time.monotonic() < until and self._signals.stops == stops:
                yield True
