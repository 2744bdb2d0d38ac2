"""The process that looks into runs for an app: `python -P vae_tui.py core.explorer.server DATA_DIR`.

It has PyTorch in memory, so that the app does not. It reads questions from its input and ends with it.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from core.errors import describe
from core.explorer.messages import Answer, Failed, Loaded, Progress, Question, Reply, Sender, Shown, Withdrawn, receive
from core.latents import aggregate, options  # noqa: F401 - with numpy: not to be imported by two threads at once
from core.memory import give_back
from core.runs import run  # noqa: F401 - as above, since all of this comes with questions

if TYPE_CHECKING:
    from core.explorer.opened import OpenRuns


REST_SECONDS = 1.0  # without an answer


class NotAwaited(Exception):
    """Nobody waits for the answer any more."""


class Server:
    """Answers each question in a thread of its own."""

    def __init__(self, data_dir: Path, questions: BinaryIO, replies: BinaryIO) -> None:
        self._data_dir, self._questions, self._sender = data_dir, questions, Sender(replies)
        self._awaited: set[int] = set()
        self._loaded = threading.Event()
        self._runs: OpenRuns | None = None
        self._failure: Exception | None = None  # to load PyTorch
        self._used = threading.Event()  # something was answered, which took memory

    def serve(self) -> None:
        """Answer until nobody is left who could ask."""
        threading.Thread(target=self._load, daemon=True).start()
        threading.Thread(target=self._tidy, daemon=True).start()
        with suppress(EOFError):
            while True:
                match receive(self._questions):
                    case Question() as question:
                        self._awaited.add(question.number)
                        threading.Thread(target=self._answer, args=(question,), daemon=True).start()
                    case Withdrawn(number):
                        self._awaited.discard(number)

    def _load(self) -> None:
        gc.disable()  # PyTorch brings a quarter of a million objects that stay: to look at them takes half a second
        try:
            import torch

            from core.explorer.opened import OpenRuns

            torch.set_num_threads(1)  # trainers may need every core
            self._runs = OpenRuns(self._data_dir)
            gc.freeze()
            gc.enable()
        except Exception as error:  # noqa: BLE001 - each who asks is told
            self._failure = error
        else:
            self._send(Loaded())
        self._loaded.set()

    def _answer(self, question: Question) -> None:
        self._loaded.wait()
        try:
            self._send(self._reply(question))
        except NotAwaited:
            pass
        except Exception as error:  # noqa: BLE001 - the app says what it was
            self._send(Failed.of(question.number, error))
        self._awaited.discard(question.number)
        if self._failure is not None and not self._awaited:
            print(describe(self._failure), file=sys.stderr)
            os._exit(1)  # another one may find what this one lacks
        self._used.set()

    def _tidy(self) -> None:
        """Give the system back what is free in rests: the next answer would have to ask for it again."""
        while True:
            self._used.wait()
            self._used.clear()
            if not self._used.wait(REST_SECONDS) and not self._awaited:
                give_back()

    def _reply(self, question: Question) -> Answer:
        if self._runs is None:
            assert self._failure is not None
            raise self._failure

        def pass_on(message: Reply) -> None:
            if question.number not in self._awaited:
                raise NotAwaited
            self._send(message)

        callbacks = {
            "go_on": lambda: pass_on(Progress(question.number, None)),
            "show": lambda *arguments: pass_on(Shown(question.number, arguments)),
        }
        given = {question.callback: callbacks[question.callback]} if question.callback else {}
        explorer = self._runs.of(question.run, lambda words: pass_on(Progress(question.number, words)))
        explorer = explorer.at(question.moment)
        value = getattr(explorer, question.method)(*question.arguments, **given)
        return Answer(question.number, value, explorer.note, explorer.moment)

    def _send(self, reply: Reply) -> None:
        with suppress(BrokenPipeError):  # the app is gone, and so will this process be
            self._sender.send(reply)


def main() -> None:
    """Answer the questions that come by standard input; what libraries print goes to standard error."""
    questions, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    status = 0
    try:
        Server(Path(sys.argv[1]), questions, replies).serve()
    except BaseException:  # noqa: BLE001 - what is told of it is its last line
        traceback.print_exc()
        status = 1
    os._exit(status)  # threads may be deep in PyTorch


if __name__ == "__main__":
    main()
