"""A trainer's process: trains a run, or several in turns, or a share of one. `python -P -m core.worker RUN_DIR ...`."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.errors import UserError, describe
from core.group import ALONE, find_place
from core.jobs.cost import keep_pace
from core.jobs.setup import Job, Setup, Shared, load_trainer
from core.jobs.trainer.ending import OnFinish
from core.jobs.trainer.failures import Log, log
from core.jobs.trainer.orders import Signals
from core.jobs.trainer.stages import Stages
from core.jobs.worker import Worker
from core.runs.run import Run
from core.text import print_everything

EXIT_REFUSED = 3


class Member:
    """A run that this process trains, from taking its lock to its last status."""

    def __init__(self, run: Run, job: Job, signals: Signals, shared: Shared | None) -> None:
        self.run, self.waits = run, False
        self.exit_status: int | None = None  # once it has ended
        self._worker: Worker | None = None
        self._turns = self._train(job, signals, shared)

    def _train(self, job: Job, signals: Signals, shared: Shared | None) -> Generator[bool, None, int]:
        # A process writes into the log of its only run.
        log_here = partial(log, path=None if shared is None else self.run.log_path)
        try:
            self.run.training_config()  # before a file is made for a run of a newer version
            with self.run.open_metrics() as metrics:
                self._worker = Worker(self.run, metrics, job, signals, log_here, shared)
                status = yield from self._worker.work()
            if shared is None and self.run.config().processes == 1:
                _keep_pace(self.run, log_here)
            if job.on_finish is not None:
                job.on_finish.run(self.run, log_here)
            return status
        except (UserError, OSError) as error:
            log_here(f"refused: {describe(error) if isinstance(error, OSError) else error}")
            return EXIT_REFUSED

    def take_turn(self, error: Exception | None = None) -> None:
        """Go on to the next step boundary; with an error that ended the step before it."""
        try:
            self.waits = next(self._turns) if error is None else self._turns.throw(error)
        except StopIteration as end:
            self.exit_status, self._worker = end.value, None

    @property
    def setup(self) -> Setup | None:
        """What trains it, once that is loaded and until it ends."""
        return None if self._worker is None else self._worker.setup

    @property
    def waits_for_step(self) -> bool:
        """Whether it can go on only once a step is done that several runs share."""
        return self.setup is not None and self.setup.waits_for_step


def train(runs: Sequence[Run], job: Job | None = None) -> int:
    """Train runs in this process to their goals, or until they are told to stop; the worst of their exit statuses.

    Several take turns, and share a step where there are kernels for them. Signal handlers are those of a trainer from
    then on.
    """
    job, shared = job or Job(), None
    if len(runs) > 1:
        shared = Shared(len(runs))
        job = replace(job, intervals=job.intervals.among(len(runs)))
    signals = Signals()
    signals.handle()
    members = [Member(run, job, signals, shared) for run in runs]
    while going := [member for member in members if member.exit_status is None]:
        go_round(going, shared)
        if all(member.waits for member in going):
            time.sleep(job.intervals.control)
    return max(member.exit_status or 0 for member in members)


def _keep_pace(run: Run, log_here: Log) -> None:
    """Keep how fast this machine trains, and in how much memory, for who asks what the next run will cost."""
    try:
        keep_pace(run, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    except (UserError, OSError) as error:
        log_here(f"cannot keep how fast it trained: {error}")


def go_round(members: Sequence[Member], shared: Shared | None) -> None:
    """Give each a turn, except where it waits for the others; then do the step that they share, where they have one."""
    for member in members:
        if not member.waits_for_step:
            member.take_turn()
    if shared is not None:
        _step_together([member for member in members if not member.waits], shared)


def _step_together(members: Sequence[Member], shared: Shared) -> None:
    """Do a step of those that share one; whatever ends it fails those that took part."""
    taking = {member: member.setup for member in members if member.setup is not None and member.setup.shares_step}
    try:
        shared.do_step(taking.values())
    except Exception as error:  # noqa: BLE001 - each run says in its own status what ended it
        for member in taking:
            if not member.waits_for_step:
                member.take_turn(error)


def follow(run: Run, job: Job) -> None:
    """Compute this process's part of every step, until the first of the run's processes says that training ends."""
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    load_trainer(run, None, job, Stages(show=lambda activity: None)).trainer.follow()


def main(arguments: list[str] | None = None) -> int:
    """Train the runs that the command line names; the exit status."""
    parser = argparse.ArgumentParser(prog="python -P -m core.worker", description=__doc__)
    parser.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN_DIR")
    parser.add_argument("--epochs", type=int, help="train to this epoch instead of the configured one")
    parser.add_argument("--learning-rate", type=float, help="go on with this learning rate instead of the saved one")
    parser.add_argument("--data-dir", type=Path, help="where the images are that are not where they were")
    parser.add_argument("--on-finish", metavar="COMMAND", help="what the shell is to do once a run has ended")
    parser.add_argument("--on-finish-in", type=Path, metavar="DIR", default="/", help="and in which folder")
    given = parser.parse_args(arguments)
    print_everything("utf-8")  # as train.log is read, whatever the locale
    runs = [Run(path.absolute()) for path in given.run_dirs]
    ending = None if given.on_finish is None else OnFinish(given.on_finish, given.on_finish_in)
    job = Job(given.epochs, given.learning_rate, given.data_dir, ending)
    if hasattr(os, "SCHED_BATCH"):  # a viewer on the same machine need not wait for the end of a trainer's turn
        with suppress(OSError):  # the starter's own choice may not be changed, such as `chrt -i 0`
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        place = ALONE if len(runs) > 1 else find_place(runs[0].config().processes)
    except (UserError, OSError) as error:
        log(f"refused: {error}")
        return EXIT_REFUSED
    if place.rank > 0:
        follow(runs[0], job)
        return 0
    return train(runs, job)
