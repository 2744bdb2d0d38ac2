"""The lock of a run: whoever holds it is the only one that trains or deletes the run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from core import files


class RunLock:
    """An flock on metrics.jsonl, where every version of this program looks for it; it writes nothing.

    Raises BlockingIOError when somebody else holds it, FileNotFoundError when there is no such file and so no
    trainer, DamagedFile or OSError.
    """

    def __init__(self, metrics: Path) -> None:
        # Some network file systems lock only what is open for writing.
        self._descriptor = files.open_regular(metrics, os.O_RDWR)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        os.close(self._descriptor)
