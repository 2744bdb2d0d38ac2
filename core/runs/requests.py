"""Requests of viewers to the trainer of a run: a small file each, and the one file that versions without them know.

A file for each request needs no lock, which some file systems lack: two who ask at once write two files. Its number
orders it after those that waited, or were done, when it was made; its id tells it from others with the same number.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from core import files
from core.errors import DamagedFile
from core.runs.config import read_json, write_json
from core.runs.settings import Word
from core.runs.status import Clock, Count, StatusChanges

CONTROL = "control.json"
PREFIX = "request-"
FORM = re.compile(rf"{PREFIX}(\d{{1,15}})-([0-9a-f]{{32}})\.json")
# Nobody asks for that much at once; what is beyond waits for its turn.
MOST_AT_ONCE = 1000
Action = Literal["pause", "resume", "save", "stop"]
ACTIONS: tuple[Action, ...] = get_args(Action)
STOP_SWEEP = "stop-sweep"  # stops the run, and has the command that trains a sweep begin no other
LEARNING_RATE = "learning-rate"  # an action with a value, which versions with one request only do not know


class Request(BaseModel):
    """control.json: the last request of a viewer. The trainer answers with its id in `Status.handled`."""

    model_config = ConfigDict(frozen=True)

    action: Action
    id: Annotated[str, Field(max_length=100)]
    time: Clock


class NumberedRequest(BaseModel):
    """A request with a file of its own, which is there until it is done. A newer version may know more actions."""

    model_config = ConfigDict(frozen=True)

    action: Word
    id: Annotated[str, Field(max_length=100)]
    time: Clock
    number: Count
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{PREFIX}{self.number}-{self.id}.json"


@dataclass(frozen=True)
class Requests:
    """The requests in the folder of a run. The constructor touches no file."""

    folder: Path

    def add(self, action: str, done: int, value: float | None = None) -> NumberedRequest:
        """Ask for something, after all that waits and after number `done`. Raises OSError."""
        number = max([done, *(int(form[1]) for name in self.names() if (form := FORM.fullmatch(name)))]) + 1
        request = NumberedRequest(action=action, id=uuid4().hex, time=time.time(), number=number, value=value)
        write_json(self.folder / request.file, request)
        return request

    def names(self) -> list[str]:
        """The names of the files of those that wait, in their order. Raises OSError."""
        with os.scandir(self.folder) as entries:
            found = [(int(form[1]), form[0]) for entry in entries if (form := FORM.fullmatch(entry.name))]
        return [name for _, name in sorted(found)[:MOST_AT_ONCE]]

    def read(self, name: str) -> NumberedRequest:
        """The request in that file, for those who come again. Raises FileNotFoundError, DamagedFile or OSError."""
        return read_json(self.folder / name, NumberedRequest, files.read_once)

    def waits(self, request: NumberedRequest) -> bool:
        """Whether it still is to be done."""
        return files.exists(self.folder / request.file)

    def remove(self, name: str) -> None:
        """Let go of one that is done, or is no request. Raises OSError."""
        (self.folder / name).unlink(missing_ok=True)

    def take_back(self, actions: Collection[str]) -> None:
        """Let go of those that wait for one of these. Raises OSError."""
        for name in self.names():
            with suppress(DamagedFile, FileNotFoundError):  # the trainer says what is damaged; or somebody was faster
                if self.read(name).action in actions:
                    self.remove(name)

    # The one file of versions that know no others

    def replace_last(self, action: Action) -> Request:
        """Ask in place of what was asked before. Raises OSError."""
        request = Request(action=action, id=uuid4().hex, time=time.time())
        write_json(self.folder / CONTROL, request)
        return request

    def last(self) -> Request | None:
        """The last request there, or None. Raises DamagedFile or OSError."""
        try:
            return read_json(self.folder / CONTROL, Request, files.read_once)
        except FileNotFoundError:
            return None

    def last_version(self) -> int:
        """A number that changes whenever a request is written there, 0 without one."""
        return files.version(f"{self.folder}/{CONTROL}")


class Inbox:
    """The trainer's end: gives each request once, in order, and lets go of it once its answer is in the status.

    `handled` is the id of the last request in control.json that was done, `done` the number of the last numbered one.
    """

    def __init__(self, requests: Requests, handled: str | None, done: int, log: Callable[[str], None]) -> None:
        self._requests, self._handled, self._done, self._log = requests, handled, done, log
        self._last_version = 0
        self._taken: set[str] = set()  # the names of those that were given, until they are removed
        self._unanswered = self._refused = False

    @property
    def unanswered(self) -> bool:
        """Whether something was given whose answer the status does not hold yet."""
        return self._unanswered

    def take(self) -> list[Request | NumberedRequest]:
        """What was asked since the last look, in order. What cannot be read is logged, and read at the next look."""
        found: list[Request | NumberedRequest] = []
        try:
            found += self._take_last()
            for name in self._requests.names():
                if name not in self._taken:
                    with suppress(FileNotFoundError):  # it was taken back just now
                        found += self._take(name)
        except OSError as error:
            if not self._refused:
                self._log(f"cannot read requests: {error.strerror}")
            self._refused = True
        else:
            self._refused = False
        self._unanswered = self._unanswered or bool(found)
        return found

    def _take_last(self) -> list[Request]:
        version = self._requests.last_version()
        if version == self._last_version:
            return []
        try:
            request = self._requests.last()
        except DamagedFile as error:
            self._log(f"ignored: {error}")
            request = None
        self._last_version = version
        if request is None or request.id == self._handled:
            return []
        self._handled = request.id
        return [request]

    def _take(self, name: str) -> list[NumberedRequest]:
        try:
            request = self._requests.read(name)
        except DamagedFile as error:
            self._log(f"ignored: {error}")
            self._taken.add(name)
            return []
        self._taken.add(name)
        self._done = max(self._done, request.number)
        return [request]

    def answers(self) -> StatusChanges:
        """What the status says of what is done."""
        answers: StatusChanges = {"done_request": self._done}
        return answers if self._handled is None else answers | {"handled": self._handled}

    def let_go(self) -> None:
        """Remove what the status has answered. What the disk refuses to remove is removed later, and not done again."""
        self._unanswered = False
        for name in sorted(self._taken):
            try:
                self._requests.remove(name)
            except OSError as error:
                self._log(f"cannot remove {name}: {error.strerror}")
                return
            self._taken.remove(name)
