"""Why a training failed, in one line for its user; the rest goes to train.log."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from core import files
from core.errors import DamagedFile, Diverged, is_out_of_memory, without_memory
from core.runs.status import Cause
from core.text import printable

Log = Callable[[str], None]


def describe(error: BaseException) -> str:
    """Why a training failed, in one line that says what to do where there is something to do."""
    text = printable((str(error).strip().splitlines() or [""])[0][:500])
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write the run: {error.strerror}"
    if type(error).__name__ == "DistBackendError" or ("gloo" in text and "peer" in text):
        return "another of the processes that trained the run together has ended"
    if isinstance(error, ImportError) and is_out_of_memory(error):
        return without_memory(error)
    return text or type(error).__name__


def cause(error: BaseException) -> Cause | None:
    """The kind of failure, where something can be done about it."""
    if isinstance(error, Diverged):
        return "diverged"
    return "memory" if is_out_of_memory(error) else None


def log(text: str, path: Path | None = None) -> None:
    """A line for train.log, where there is room for it: for this file, else for where the process writes."""
    line = f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}"
    with suppress(OSError, DamagedFile):  # the line may be about the very disk that is full
        if path is None:
            print(line, flush=True)
        else:
            with os.fdopen(files.open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "wb") as file:
                file.write(f"{line}\n".encode("utf-8", "replace"))
