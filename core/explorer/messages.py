"""What passes between the app and the process that looks into runs for it: pickled, by pipes that nobody else has."""

from __future__ import annotations

import pickle
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal

from core import packages
from core.errors import PackageMissing, UserError, describe, is_out_of_memory

if TYPE_CHECKING:
    from core.runs.run import Run

Callback = Literal["go_on", "show"]


@dataclass(frozen=True)
class Question:
    """A method of an explorer to be called; each call of its callback, if it takes one, is passed on.

    It is about the snapshot of a step, or of the newest weights where `moment` is None.
    """

    number: int
    run: Run
    method: str
    arguments: tuple[Any, ...]
    callback: Callback | None = None
    moment: int | None = None


@dataclass(frozen=True)
class Withdrawn:
    """Nobody waits for the answer to this question any more."""

    number: int


@dataclass(frozen=True)
class Loaded:
    """PyTorch is there: questions are answered from now on."""


@dataclass(frozen=True)
class Progress:
    """What is done about a question, in words, or None where only its callback was called."""

    number: int
    words: str | None


@dataclass(frozen=True, eq=False)
class Shown:
    """What a question's callback was called with."""

    number: int
    arguments: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a question, what there is to know about the images, and the moment that it is about."""

    number: int
    value: Any
    note: str
    moment: int | None = None


@dataclass(frozen=True)
class Bug:
    """An error that nobody expected, whose class may be one that the app has not loaded."""

    kind: str
    text: str
    trace: str

    def as_error(self) -> Exception:
        """An error of a class of the same name, with the trace as its note."""
        error: Exception = type(self.kind, (Exception,), {})(self.text)
        error.add_note(self.trace)
        return error


@dataclass(frozen=True, eq=False)
class Failed:
    """What a question raised."""

    number: int
    error: Exception | Bug

    @classmethod
    def of(cls, number: int, error: Exception) -> Failed:
        """With errors that a user can act on as they are."""
        if isinstance(error, UserError) or (type(error).__module__ == "builtins" and isinstance(error, OSError)):
            return cls(number, error)
        if packages.complaint(error):
            return cls(number, PackageMissing(describe(error)))
        if is_out_of_memory(error):
            return cls(number, MemoryError(str(error)))
        trace = "".join(traceback.format_exception(error))
        return cls(number, Bug(type(error).__name__, str(error), trace))


Request = Question | Withdrawn
Reply = Loaded | Progress | Shown | Answer | Failed


class Sender:
    """Writes messages, of whichever thread, one after the other."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, message: Request | Reply) -> None:
        """Write it. Raises BrokenPipeError where nobody reads any more."""
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self._pipe.closed:
                raise BrokenPipeError
            self._pipe.write(content)
            self._pipe.flush()

    def close(self) -> None:
        """Write nothing any more."""
        with self._lock, suppress(BrokenPipeError):  # of what was left to be written
            self._pipe.close()


def receive(pipe: IO[bytes]) -> Any:
    """The next message. Raises EOFError once nobody writes any more, be it in the midst of one."""
    try:
        return pickle.load(pipe)
    except pickle.UnpicklingError as error:
        raise EOFError(str(error)) from error
