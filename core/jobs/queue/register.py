"""What the queue of this user and host is beside the runs: folders with runs that wait, how many train, tries."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import files, folders
from core.errors import DamagedFile

LARGEST = 1 << 20  # bytes
MOST_AT_ONCE = 1000
RETRY_SECONDS = 0.02
Folder = Annotated[str, Field(max_length=4096)]


class Register(BaseModel):
    """`at_once` runs train at a time on each GPU and on the processor, None as usual; while it is `paused` none begins.

    `tries` counts for each entry how often a trainer was started for it, `refusals` say why one could not be at last.
    """

    model_config = ConfigDict(frozen=True)

    folders: Annotated[tuple[Folder, ...], Field(max_length=10_000)] = ()
    at_once: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] | None = None
    paused: bool = False
    tries: dict[str, int] = {}
    refusals: dict[str, str] = {}


def _file(ending: str) -> Path:
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname())[:100]
    return folders.state_dir() / f"queue-{host}.{ending}"


def may_hold_runs() -> bool:
    """Whether there is a register at all, which a look at the disk tells. Raises OSError or DamagedFile.

    What this user may not look into, as where `sudo -u` keeps another one's variables, holds nothing of theirs.
    """
    try:
        return files.exists(_file("json"))
    except PermissionError:
        return False


def read_register() -> Register:
    """The register; an empty one where it cannot be read: each folder is found again by who next looks there.

    Raises OSError.
    """
    try:
        return Register.model_validate_json(files.read(_file("json"), LARGEST))
    except (FileNotFoundError, PermissionError, DamagedFile, ValidationError):
        return Register()


def write_register(register: Register) -> None:
    """Put it in place of what there was, where it says something else. Raises OSError or DamagedFile."""
    if register != read_register():
        _file("json").parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(_file("json"), register.model_dump_json(indent=2).encode() + b"\n")


class Lock:
    """That of the queue: whoever has it starts runs, or changes the register. Where nothing can be locked, all have it.

    Who starts one run twice in spite of that starts a trainer that finds the run locked, and ends.
    """

    def __init__(self, seconds: float) -> None:
        """Wait so long for it. Raises BlockingIOError when somebody else has it for longer, DamagedFile or OSError."""
        path = _file("lock")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = files.open_regular(path, os.O_RDWR | os.O_CREAT)
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    self.release()
                    raise
            except OSError:
                return
            else:
                return
            time.sleep(RETRY_SECONDS)

    def release(self) -> None:
        os.close(self._descriptor)


@contextmanager
def locked(seconds: float) -> Iterator[None]:
    """The queue is this process's in there. Raises what Lock raises."""
    lock = Lock(seconds)
    try:
        yield
    finally:
        lock.release()
