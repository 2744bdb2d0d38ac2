"""The place of a run in the queue: a small file in its folder, there from when it was queued until it has ended."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from core import files
from core.errors import DamagedFile
from core.runs.config import read_json, write_json
from core.runs.settings import EPOCHS_LIMIT
from core.runs.status import Asked, Clock, State, Status, Text

QUEUED = "queued.json"


class Queued(BaseModel):
    """queued.json: which host is to start the run, after which others, and what `resume` was asked for.

    Runs are started in the order of `order`, the seconds since 1970 when each was queued, unless it was moved.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    order: Clock
    host: Text
    epochs: Annotated[int, Field(ge=1, le=EPOCHS_LIMIT)] | None = None
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    data_dir: Annotated[str, Field(max_length=4096)] | None = None

    @property
    def is_of_this_host(self) -> bool:
        return self.host == socket.gethostname()

    def waits(self, status: Status, state: State) -> bool:
        """Whether the run still is to be started, seen its status and the state that a reader concludes.

        The status names the entry that its trainer began with: what ended since then is done, what was lost is not.
        """
        return not state.active and (state is State.LOST or status.queued != self.id)

    def asked(self, status: Status) -> Asked:
        """What it asks of the next trainer: nothing once one began with it, as the status or the state has that."""
        if status.queued == self.id:
            return Asked(id=self.id)
        return Asked(id=self.id, epochs=self.epochs, learning_rate=self.learning_rate)


def new_entry(epochs: int | None = None, learning_rate: float | None = None, data_dir: Path | None = None) -> Queued:
    """The last place in the queue of this host."""
    return Queued(
        id=uuid4().hex,
        order=time.time(),
        host=socket.gethostname(),
        epochs=epochs,
        learning_rate=learning_rate,
        data_dir=None if data_dir is None else str(data_dir.absolute()),
    )


def read_entry(folder: Path) -> Queued | None:
    """The entry of the run in that folder, None where it is not queued. Raises DamagedFile or OSError."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return read_json(folder / QUEUED, Queued, files.read_once)
    return None


def write_entry(folder: Path, entry: Queued) -> None:
    """Have the run wait there. Raises OSError."""
    write_json(folder / QUEUED, entry)


def remove_entry(folder: Path) -> None:
    """Have the run wait no more. Raises OSError."""
    (folder / QUEUED).unlink(missing_ok=True)


def with_queue(folder: Path, status: Status, state: State) -> State:
    """The state of a run, QUEUED where it waits there. Raises OSError."""
    if state.active:
        return state
    try:
        entry = read_entry(folder)
    except DamagedFile:  # `vae-tui queue` names it
        return state
    return State.QUEUED if entry is not None and entry.waits(status, state) else state


def is_ours(folder: Path) -> bool:
    """Whether this user queued the run: nobody is to train in another one's name. Raises OSError."""
    return os.lstat(folder / QUEUED).st_uid == os.geteuid()
