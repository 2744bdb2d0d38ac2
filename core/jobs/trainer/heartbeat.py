"""Writes the status of a run while it trains: typed changes, and a heartbeat that shows the trainer is alive."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Unpack

from core import files
from core.errors import RunError
from core.jobs.cluster.place import job_here
from core.jobs.trainer.failures import Log
from core.jobs.trainer.intervals import Intervals
from core.runs.keeping.queued import read_entry
from core.runs.metrics.log import MetricsLog
from core.runs.run import Run
from core.runs.status import (
    MOST_ASKED,
    Asked,
    State,
    Status,
    StatusChanges,
    boot_id,
    pid_namespace,
    process_started,
    uptime,
)


class TakenOver(RunError):
    """Another trainer writes the status of a run that cannot be locked, or another folder has its name: it is lost."""


def at_begin(run: Run, before: Status, metrics: MetricsLog, now: Asked) -> Status:
    """The status of a run that this process begins to train, as the queue and `now` ask, or as before."""
    pid, entry = os.getpid(), read_entry(run.path)
    asked = [each for each in (entry and entry.asked(before), now) if each and (each.epochs or each.learning_rate)]
    goals, rates = [each.epochs for each in asked], [each.learning_rate for each in asked]
    return before.updated(
        state=State.RUNNING,
        pid=pid,
        process_started=process_started(pid),
        host=socket.gethostname(),
        boot=boot_id(),
        pid_namespace=pid_namespace(),
        locked=metrics.not_locked is None,
        epochs=next(filter(None, reversed(goals)), before.epochs or run.config().epochs),
        base_learning_rate=next(filter(None, reversed(rates)), before.base_learning_rate),
        asked=(*before.asked, *asked)[-MOST_ASKED:],
        begun=False,
        done_request=before.done_request or 0,
        images_per_second=0.0,
        device_load=None,
        gpu=None,
        error=None,
        reason=None,
        queued=None if entry is None else entry.id,
        job=job_here(),
        cause=None,
    )


class Heartbeat:
    """Writes status.json. What the disk refuses goes out with the next heartbeat.

    `is_replaced` tells whether the folder of the run is another one by now; some file systems number theirs anew.
    """

    def __init__(
        self, run: Run, status: Status, intervals: Intervals, log: Log, is_replaced: Callable[[], bool] = lambda: False
    ) -> None:
        self.status = status
        self._run, self._intervals, self._log, self._is_replaced = run, intervals, log, is_replaced
        self._last = self._cost = 0.0
        self._refused = self._begun = False
        self._access: tuple[int, int] | None = None  # who may use the folder

    @property
    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self._last >= self._intervals.heartbeat_interval(self._cost)

    def note(self, **changes: Unpack[StatusChanges]) -> None:
        """Change the status that the next heartbeat writes. Raises pydantic's ValidationError."""
        self.status = self.status.updated(**changes)

    def beat(self, **changes: Unpack[StatusChanges]) -> bool:
        """Write the status with these changes; whether the disk took it.

        Raises OSError when the run is gone, and TakenOver.
        """
        self._last = time.monotonic()
        self.note(**changes)
        try:
            folder = self._run.path.stat()
            if self._begun and folder.st_ino != self.status.folder and self._is_replaced():
                raise TakenOver(f"{self._run.path} is another folder by now")
            self.note(heartbeat=time.time(), uptime=uptime(), pid=os.getpid(), folder=folder.st_ino)
            self._check_alone()
            self._run.write_status(self.status)
            if self._access != (folder.st_mode, folder.st_gid):
                self._access = folder.st_mode, folder.st_gid
                self._run.share_files()
        except OSError as error:
            if files.is_gone(self._run.path):
                raise
            if not self._refused:
                self._log(f"cannot write the status: {error.strerror}")
            self._refused = True
        else:
            self._refused, self._begun = False, True
        self._cost = time.monotonic() - self._last
        return not self._refused

    def _check_alone(self) -> None:
        """Where no lock keeps others away, see whose the last status is. Raises TakenOver or OSError."""
        if self.status.locked is not False or not self._begun:
            return
        last = self._run.last_status()
        if last.state.active and last.trainer != self.status.trainer:
            raise TakenOver(f"{self._run.name} is being trained by process {last.pid} on {last.host} by now")
