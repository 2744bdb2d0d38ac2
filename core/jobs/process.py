"""A trainer's process: trains a run, or several in turns, or a share of one. `python -P -m core.worker RUN_DIR ...`."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.errors import ConfigError, UserError, describe
from core.group import ALONE, find_place
from core.jobs.cost import keep_pace
from core.jobs.queue.starting import hand_on
from core.jobs.setup import Job, Setup, Shared, load_trainer
from core.jobs.trainer.ending import OnFinish
from core.jobs.trainer.failures import Log, log
from core.jobs.trainer.heartbeat import TakenOver
from core.jobs.trainer.limit import TimeLimit, parse_duration
from core.jobs.trainer.orders import Relay, Signals
from core.jobs.trainer.stages import Stages
from core.jobs.worker import Worker
from core.runs.keeping.queued import read_entry, remove_entry
from core.runs.run import Run
from core.runs.status import State
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
                if job.from_queue and not self._waits():
                    log_here("not begun: it waits in the queue no more")
                    return 0
                self._worker = Worker(self.run, metrics, job, signals, log_here, shared)
                try:
                    status = yield from self._worker.work()
                except UserError as error:
                    if not isinstance(error, TakenOver):
                        remove_entry(self.run.path)
                    raise
                remove_entry(self.run.path)
            if shared is None and self.run.config().processes == (job.processes or 1) == 1:
                _keep_pace(self.run, log_here)
            if job.on_finish is not None:
                job.on_finish.run(self.run, log_here)
            return status
        except (UserError, OSError) as error:
            log_here(f"refused: {describe(error) if isinstance(error, OSError) else error}")
            return EXIT_REFUSED

    def _waits(self) -> bool:
        """Whether the run, whose lock this process has, waits in the queue. Raises DamagedFile or OSError."""
        entry, status = read_entry(self.run.path), self.run.last_status()
        return entry is not None and entry.waits(status, State.LOST if status.state.active else status.state)

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


def train(runs: Sequence[Run], job: Job | None = None, signals: Signals | None = None) -> int:
    """Train runs in this process to their goals, or until they are told to stop; the worst of their exit statuses.

    Several take turns, and share a step where there are kernels for them. Signal handlers are those of a trainer from
    then on.
    """
    job, shared = job or Job(), None
    if len(runs) > 1:
        shared = Shared(len(runs))
        job = replace(job, intervals=job.intervals.among(len(runs)))
    signals = signals or Signals()
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
    signals = Signals()
    signals.handle()
    relay = Relay(run, signals)
    for _ in load_trainer(run, None, job, Stages(show=lambda activity: None)).trainer.follow():
        relay.pass_on()


def main(arguments: list[str] | None = None) -> int:
    """Train the runs that the command line names; the exit status."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -P -m core.worker", description=__doc__)
    parser.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN_DIR")
    parser.add_argument("--epochs", type=int, help="train to this epoch instead of the configured one")
    parser.add_argument("--learning-rate", type=float, help="go on with this learning rate instead of the saved one")
    parser.add_argument("--data-dir", type=Path, help="where the images are that are not where they were")
    parser.add_argument("--device", help="where to train instead of on the configured device")
    parser.add_argument("--processes", type=int, help="by how many it is trained, if not by as many as it was made for")
    parser.add_argument("--from-queue", action="store_true", help="train only what waits in the queue")
    parser.add_argument("--on-finish", metavar="COMMAND", help="what the shell is to do once a run has ended")
    parser.add_argument("--on-finish-in", type=Path, metavar="DIR", default="/", help="and in which folder")
    parser.add_argument("--time-limit", metavar="DURATION", help="save and stop before that much time is over")
    given = parser.parse_args(arguments)
    print_everything("utf-8")  # as train.log is read, whatever the locale
    runs = [Run(path.absolute()) for path in given.run_dirs]
    ending = None if given.on_finish is None else OnFinish(given.on_finish, given.on_finish_in)
    try:
        limit = None if given.time_limit is None else TimeLimit(parse_duration(given.time_limit), began)
    except ConfigError as error:
        parser.error(str(error))
    job = Job(
        given.epochs, given.learning_rate, given.data_dir, ending,
        given.device, given.from_queue, limit, given.processes,
    )  # fmt: skip
    if hasattr(os, "SCHED_BATCH"):  # a viewer on the same machine need not wait for the end of a trainer's turn
        with suppress(OSError):  # the starter's own choice may not be changed, such as `chrt -i 0`
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        place = ALONE if len(runs) > 1 else find_place(job.processes or runs[0].config().processes)
    except (UserError, OSError) as error:
        log(f"refused: {error}")
        return EXIT_REFUSED
    if place.rank > 0:
        follow(runs[0], job)
        return 0
    signals = Signals()
    try:
        return train(runs, job, signals)
    finally:
        if signals.stop is None and job.time_limit is None:  # the machine may be going down, or the job end
            _start_next(runs)


def _start_next(runs: Sequence[Run]) -> None:
    """Start what waits for the room that these runs leave."""
    try:
        for run in hand_on(runs):
            log(f"started {run.name}, which waited in the queue")
    except (UserError, OSError) as error:
        log(f"cannot start what waits in the queue: {describe(error)}")
