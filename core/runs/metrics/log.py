"""The trainer's end of metrics.jsonl: whole lines are appended, under the lock of the run."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from core import files
from core.runs.lock import RunLock
from core.runs.metrics.lines import LONGEST_LINE

STEP_LINE_SECONDS = 0.5  # between two step lines


class MetricsLog:
    """Whole lines are appended, and while it is open nobody else trains the run, where files can be locked.

    Makes the file where there is none. Raises BlockingIOError when another process has the run, DamagedFile or OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = files.persist(lambda: files.open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND))
        self._pending, self._is_stale = b"", False
        try:
            self._lock = RunLock(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def not_locked(self) -> str | None:
        """Why the file system locks nothing, None where it does."""
        return self._lock.refused

    def is_replaced(self) -> bool:
        """Whether another file has the name of the one that is open."""
        try:
            return not os.path.samestat(self._path.lstat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line, later where the disk refuses it now. Raises ValueError on a number that is not finite."""
        self._pending += json.dumps(line, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        with suppress(OSError):  # nothing is lost: `sync` writes what is pending or raises
            self._write()

    def _write(self) -> None:
        while self._pending:
            self._pending = self._pending[os.write(self._descriptor, self._pending) :]

    def sync(self) -> int:
        """Bring all lines to the disk; their length in bytes. Raises OSError, after which it can be tried again."""
        length = self.flush()
        self.persist()
        return length

    def flush(self) -> int:
        """Write what is pending; the length of all lines in bytes. Raises OSError; it can be tried again."""
        if self._descriptor < 0 or self._is_stale:
            self._open_again()
        try:
            self._write()
            return os.fstat(self._descriptor).st_size
        except OSError as error:
            self._is_stale = error.errno == errno.ESTALE
            raise

    def persist(self) -> None:
        """Bring to the disk what was written, also from another thread than the one that writes. Raises OSError."""
        try:
            files.sync(self._descriptor)
        except OSError as error:
            self._is_stale = error.errno == errno.ESTALE  # the next `flush` opens it again
            raise

    def _open_again(self) -> None:
        """After a file server was away, what is open may be stale for ever."""
        self.close()  # or its lock would keep the next one away
        again = MetricsLog(self._path)
        self._descriptor, self._lock, self._is_stale = again._descriptor, again._lock, False

    def cut(self, length: int) -> None:
        """Drop what was written after the first `length` bytes, and a line that was never ended."""
        length = min(length, os.fstat(self._descriptor).st_size)
        start = max(0, length - LONGEST_LINE)
        kept = os.pread(self._descriptor, length - start, start)
        os.ftruncate(self._descriptor, start + kept.rfind(b"\n") + 1)

    def close(self) -> None:
        """Give up the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._lock.release()
        self._descriptor = -1
