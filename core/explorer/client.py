"""Has runs looked into by a process that has PyTorch in memory: started when something is asked, ended in the end."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

from core import program
from core.errors import UserError, describe
from core.explorer.messages import (
    Answer,
    Bug,
    Failed,
    Loaded,
    Progress,
    Question,
    Reply,
    Sender,
    Shown,
    Withdrawn,
    receive,
)
from core.explorer.remote import RemoteExplorer
from core.text import printable

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer, Report
    from core.runs.run import Run

LOADING = "loading PyTorch"
SAID_LIMIT = 1 << 14  # bytes that are kept of what the process printed
# Between the end of a process and the start of the next, where several ended one after the other: the first was killed
# for its memory perhaps, and the next one needs as much.
PAUSES = (0.0, 5.0, 15.0, 60.0)
SETTLED_SECONDS = 120.0  # after which the end of a process has nothing to do with that of the one before
SAID_SECONDS = 1.0  # that its last words may take after its end
# Trainers may need every core, and threads that never compute take memory all the same.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ExplorerEnded(UserError):
    """The process that looks into runs ended before it had answered; the next question starts another."""


class ExplorerProcess:
    """Explorers whose questions one process answers, whichever the run, with the images of a folder."""

    def __init__(self, data_dir: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._data_dir, self._clock = data_dir, clock
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._closed = False
        self._ends = 0  # of processes, one after the other
        self._next_start, self._last_words = -math.inf, ""

    @property
    def pid(self) -> int | None:
        """That of the process, while there is one."""
        child = self._child
        return None if child is None or child.ended else child.pid

    def prepare(self) -> None:
        """Have PyTorch loaded for a question that is about to come. Whatever is in the way is said to who asks."""

        def start() -> None:
            with suppress(OSError, ExplorerEnded), self._lock:
                self._running()

        threading.Thread(target=start, name="prepare", daemon=True).start()

    def of(self, run: Run, report: Report) -> Explorer:
        """An explorer of a run for one task; `report` is told what takes long."""
        return RemoteExplorer(run, self._ask, report)

    def end_unused(self, seconds: float) -> None:
        """End the process, and so give its memory back, if nothing was asked for so long."""
        with self._lock:
            if self._child is not None and self._child.idle_seconds > seconds:
                self._child.end()
                self._child = None

    def close(self) -> None:
        """End the process, whatever it is asked, and start no other."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.end()

    def _ask(self, question: Question, report: Report, on_callback: Callable[..., object]) -> Answer:
        """The answer. Callbacks are called in this thread.

        Raises what they raise, what the explorer raises, ExplorerEnded, or OSError where no process can be started.
        """
        with self._lock:
            child = self._running()
            replies = child.expect(question.number)
        return child.ask(question, replies, report, on_callback)

    def _running(self) -> _Child:
        if self._closed:
            raise ExplorerEnded("nothing is looked into any more: the app was left")
        if self._child is not None and self._child.ended:
            self._ends = 1 if self._child.lived > SETTLED_SECONDS else self._ends + 1
            pause = PAUSES[min(self._ends, len(PAUSES)) - 1]
            self._next_start = self._clock() + pause
            self._last_words = f"{self._child.ended}; {self._ends} ended so, and the next is started after {pause:g} s"
            self._child = None
        if self._child is None:
            if self._clock() < self._next_start:
                raise ExplorerEnded(self._last_words)
            self._child = _Child(self._data_dir)
        return self._child


class _Child:
    """One process, from its start to its end."""

    def __init__(self, data_dir: Path) -> None:
        self._process = subprocess.Popen(
            [*program.words("core.explorer.server"), str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            env=os.environ | ONE_THREAD,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._sender = Sender(self._process.stdin)
        self._lock = threading.Lock()
        self._replies: dict[int, SimpleQueue[Reply]] = {}  # of each question that waits
        self._loaded = False
        self._started = self._used = time.monotonic()
        self.lived = 0.0  # seconds, once it has ended
        self._said, self._end = b"", ""  # what it printed last, and how it ended
        printed = threading.Thread(target=self._keep_words, args=(self._process.stderr,), daemon=True)
        printed.start()
        threading.Thread(target=self._read, args=(self._process.stdout, printed), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> str:
        """How it ended, in words; nothing while it lives."""
        return self._end

    @property
    def idle_seconds(self) -> float:
        """How long nothing was asked."""
        with self._lock:
            return 0.0 if self._replies else time.monotonic() - self._used

    def end(self) -> None:
        """End it at once: there is nothing that it should write or tidy up."""
        self._process.kill()

    def expect(self, number: int) -> SimpleQueue[Reply]:
        """Where the replies to a question come."""
        replies: SimpleQueue[Reply] = SimpleQueue()
        with self._lock:
            self._replies[number] = replies
            if self._end:
                replies.put(Failed(number, ExplorerEnded(self._end)))
        return replies

    def ask(
        self, question: Question, replies: SimpleQueue[Reply], report: Report, on_callback: Callable[..., object]
    ) -> Answer:
        """The answer to a question whose replies are expected."""
        awaited = True
        try:
            if not self._loaded:
                report(LOADING)
            self._send(question)
            while True:
                match replies.get():
                    case Progress(_, None):
                        on_callback()
                    case Progress(_, str(words)):
                        report(words)
                    case Shown(_, arguments):
                        on_callback(*arguments)
                    case Answer() as answer:
                        awaited = False
                        return answer
                    case Failed(_, error):
                        awaited = False
                        raise error.as_error() if isinstance(error, Bug) else error
        finally:
            if awaited:
                self._send(Withdrawn(question.number))
            with self._lock:
                del self._replies[question.number]
                self._used = time.monotonic()

    def _send(self, message: Question | Withdrawn) -> None:
        with suppress(BrokenPipeError):  # its end is told to all who wait
            self._sender.send(message)

    def _read(self, pipe: IO[bytes], printed: threading.Thread) -> None:
        """In a thread: hand on its replies, and its end."""
        reason = ""
        try:
            while True:
                reply = receive(pipe)
                if isinstance(reply, Loaded):
                    self._loaded = True
                    continue
                with self._lock:
                    if replies := self._replies.get(reply.number):
                        replies.put(reply)
        except EOFError:
            pass
        except Exception as error:  # noqa: BLE001 - such as a class that is gone since vae-tui was installed anew
            reason = f"its answer cannot be read: {describe(error)}"
            self.end()
        status = self._process.wait()
        self.lived = time.monotonic() - self._started
        printed.join(SAID_SECONDS)
        self._sender.close()
        pipe.close()
        last = self._said.decode(errors="replace").rstrip().rpartition("\n")[2]
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        words = ": ".join(filter(None, (f"the process that looks into runs {how}", reason or printable(last))))
        with self._lock:
            self._end = words
            for number, replies in self._replies.items():
                replies.put(Failed(number, ExplorerEnded(words)))

    def _keep_words(self, pipe: IO[bytes]) -> None:
        """In a thread: keep what it prints, the end of it."""
        with pipe:
            while content := os.read(pipe.fileno(), SAID_LIMIT):
                self._said = (self._said + content)[-SAID_LIMIT:]
