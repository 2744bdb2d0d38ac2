"""The lock of a run, and what else tells whether a trainer has it: whoever has it alone trains or deletes it."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from core import files
from core.errors import DamagedFile
from core.runs.status import (
    HEARTBEAT_SECONDS,
    LOST_AFTER_SECONDS,
    Status,
    boot_id,
    is_gone,
    is_same_process,
    pid_namespace,
    uptime,
)

# Somebody who only looks whether a run is locked holds the lock for an instant.
PATIENCE_SECONDS = 1.0
RETRY_SECONDS = 0.02
WATCH_SECONDS = 3 * HEARTBEAT_SECONDS


class RunLock:
    """An flock on metrics.jsonl, where every version of this program looks for it; it writes nothing.

    `refused` says why nothing can be locked there, on file systems where nothing can be.
    Raises BlockingIOError when somebody else holds it, FileNotFoundError when there is no such file and so no
    trainer, DamagedFile or OSError.
    """

    def __init__(self, metrics: Path) -> None:
        # Some network file systems lock only what is open for writing.
        self._descriptor = files.persist(lambda: files.open_regular(metrics, os.O_RDWR))
        self.refused: str | None = None
        try:
            self._lock()
        except BaseException:
            self.release()
            raise

    def _lock(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
            except OSError as error:
                if not files.may_pass(error) or time.monotonic() > until:
                    self.refused = error.strerror or str(error)
                    return
            time.sleep(RETRY_SECONDS)

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        os.close(self._descriptor)


def is_locked(metrics: Path) -> bool | None:
    """Whether somebody holds the lock; None where that cannot be told. It is tried, and let go."""
    try:
        descriptor = files.open_regular(metrics, os.O_RDONLY)
    except (DamagedFile, OSError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # others who look do not meet each other
    except OSError as error:
        return True if error.errno == errno.EWOULDBLOCK else None
    else:
        return False
    finally:
        os.close(descriptor)


def is_trained(status: Status, folder: Path, locked: bool | None) -> bool:
    """Whether the trainer that wrote the status lives and trains in this very folder. Raises OSError.

    `locked` is what `is_locked` says. What the folder itself shows counts for more than a pid and a host name: two
    containers may share these, and a copy has them too.
    """
    if status.folder is not None and status.folder != folder.stat().st_ino:
        return False  # a copy; the number of the device would differ between hosts
    if locked:
        return True
    if status.boot is None:
        return _lives_by_host_and_pid(status, locked)
    if status.boot != boot_id():
        silent = time.time() - status.heartbeat
        restarted = status.host == socket.gethostname() and silent > uptime()
        return abs(silent) <= LOST_AFTER_SECONDS and not restarted
    if locked is False and status.locked:
        return False
    if status.pid is None or (status.pid_namespace == pid_namespace() and is_gone(status.pid)):
        return False
    # Nothing but the heartbeat guards it; a step may take minutes.
    silent = abs(uptime() - status.uptime)  # in which nobody can set a clock
    return silent <= LOST_AFTER_SECONDS or is_same_process(status.pid, status.process_started)


def is_trained_unseen(status: Status, folder: Path, not_locked: str | None) -> bool:
    """Whether another trainer than this process lives that our lock does not keep away. Raises OSError.

    `not_locked` says why there is no such lock.
    """
    if not status.state.active or (status.boot is None and not not_locked):
        return False
    if (status.pid, status.boot, status.pid_namespace) == (os.getpid(), boot_id(), pid_namespace()):
        return False
    return is_trained(status, folder, None if not_locked else False)


def still_beats(status: Status, read: Callable[[], Status]) -> bool:
    """Whether a trainer on another machine writes the status while one looks, for all that else seems so.

    Some file systems number their folders differently on each machine, and a second trainer would do harm. Takes
    seconds where there was a heartbeat lately. Raises DamagedFile or OSError.
    """
    lately = abs(time.time() - status.heartbeat) <= LOST_AFTER_SECONDS
    if not status.state.active or not lately or status.boot in (None, boot_id()):
        return False
    until = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        if read().heartbeat != status.heartbeat:
            return True
        time.sleep(RETRY_SECONDS)
    return False


def _lives_by_host_and_pid(status: Status, locked: bool | None) -> bool:
    """As earlier versions tell it, where the system has no number of its start, or the trainer told none.

    All of them say when their process started, unless they cannot see it; a status from elsewhere may not.
    """
    here = status.host == socket.gethostname()
    if here and locked is False and (status.locked or status.process_started is None):
        return False
    if not here or status.process_started is None:
        return abs(time.time() - status.heartbeat) <= LOST_AFTER_SECONDS
    return status.pid is not None and is_same_process(status.pid, status.process_started)
