"""The process that looks into runs, its parts in this one: what it does about each message."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError, DamagedFile, DataError, RunError, RunGone, describe
from core.explorer.messages import Answer, Failed, Loaded, Progress, Question, Sender, Shown, Withdrawn, receive
from core.explorer.results import Samples
from core.explorer.server import Server
from core.latents.options import SamplingOptions
from core.runs.run import NameTaken, Run
from tests.support.explorers import FakeEvaluator, FakeExplorer, FakeExplorers

RUN = Run(Path("/runs/prior"))
WaitUntil = Callable[..., None]


@dataclass
class Served:
    """The ends of the pipes that an app has."""

    explorers: FakeExplorers
    sender: Sender
    replies: Any

    def ask(self, number: int, method: str, *arguments: Any, callback: Any = None) -> None:
        self.sender.send(Question(number, RUN, method, arguments, callback))

    def replies_until(self, *kinds: type) -> list[Any]:
        """The replies up to the first of these kinds."""
        found = [receive(self.replies)]
        while not isinstance(found[-1], kinds):
            found.append(receive(self.replies))
        return found


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    explorers = FakeExplorers()
    explorers.evaluator = FakeEvaluator()
    monkeypatch.setattr("core.explorer.opened.OpenRuns", lambda data_dir: explorers)
    (questions, asked), (replies, replied) = os.pipe(), os.pipe()
    with os.fdopen(questions, "rb") as reader, os.fdopen(asked, "wb") as asks:
        server = Server(Path("/data"), reader, os.fdopen(replied, "wb"))
        thread = threading.Thread(target=server.serve)
        thread.start()
        with os.fdopen(replies, "rb") as answers:
            yield Served(explorers, Sender(asks), answers)
            explorers.evaluator.gate.set()
            asks.close()
            thread.join(10)  # it ends with what it reads
            assert not thread.is_alive()
    gc.unfreeze()


def test_a_question_is_answered_with_what_there_is_to_know_of_the_images(served: Served) -> None:
    served.explorers[RUN] = FakeExplorer(RUN)
    served.explorers[RUN].note = "mnist is not here"
    served.ask(1, "page", 0, 4)
    loaded, answer = served.replies_until(Answer)
    assert loaded == Loaded()
    assert (answer.number, answer.value.total, answer.note) == (1, 205, "mnist is not here")


def test_a_question_is_answered_while_another_takes_long_which_ends_when_nobody_waits_for_it(
    served: Served, wait_until: WaitUntil
) -> None:
    evaluator = served.explorers.evaluator
    assert evaluator is not None
    evaluator.gate.clear()
    served.ask(1, "evaluate", "prior", 1000, 3)
    assert Progress(1, "reading the images") in served.replies_until(Progress)
    served.ask(2, "default_sampler.title")
    assert served.replies_until(Failed)[-1].number == 2
    served.ask(3, "decode", [[0.0]])
    assert served.replies_until(Answer, Failed)[-1].number == 3
    assert evaluator.ended == 0
    served.sender.send(Withdrawn(1))
    wait_until(lambda: evaluator.ended == 1, 10, "the end of the evaluation")


class Endless(FakeExplorer):
    """Fits samplers for as long as it may go on."""

    def samples(self, *words: Any, go_on: Callable[[], object] = lambda: None, **others: Any) -> Samples:
        try:
            while True:
                go_on()
        finally:
            self.asked.append(("ended",))


def test_what_asks_whether_to_go_on_ends_when_nobody_waits_for_it(served: Served, wait_until: WaitUntil) -> None:
    served.explorers[RUN] = explorer = Endless(RUN)
    served.ask(1, "samples", "mixture", 2, 0, callback="go_on")
    assert served.replies_until(Progress)[-1] == Progress(1, None)
    served.sender.send(Withdrawn(1))
    served.ask(2, "preview")
    assert served.replies_until(Answer)[-1].number == 2
    wait_until(lambda: ("ended",) in explorer.asked, 10, "the end of the fit")


def test_what_a_callback_is_called_with_is_passed_on(served: Served) -> None:
    served.ask(1, "denoising", 3, 2, 0, 1.0, SamplingOptions(steps=6), callback="show")
    *_, first, second, third, answer = served.replies_until(Answer)
    assert [shown.arguments[0] for shown in (first, second, third)] == [2, 4, 6]
    assert isinstance(first, Shown)
    assert answer.value is None


@pytest.mark.parametrize(
    "error",
    [
        RunError("no validation image is of class 3"),
        RunGone("vae is gone"),
        DataError("no images"),
        DamagedFile(Path("/runs/vae/model.safetensors"), "holds no vae model"),
        ConfigError({"sampler": "sampler must be one of prior", "seed": "seed must be a whole number"}),
        NameTaken({"name": "name vae is taken"}),
        PermissionError(13, "Permission denied", "/runs/vae/config.json"),
        MemoryError("cannot allocate memory"),
    ],
)
def test_an_error_that_a_user_can_act_on_arrives_as_itself(served: Served, error: Exception) -> None:
    served.explorers[RUN] = FakeExplorer(RUN)
    served.explorers[RUN].fail = error
    served.ask(1, "page", 0, 4)
    arrived = served.replies_until(Failed)[-1].error
    assert type(arrived) is type(error)
    assert describe(arrived) == describe(error)
    assert getattr(arrived, "problems", None) == getattr(error, "problems", None)


def test_a_bug_arrives_under_its_name_with_its_trace_whatever_its_class_is(served: Served) -> None:
    class Odd(Exception):
        def __init__(self, one: int, other: int) -> None:
            super().__init__("odd")

    served.explorers[RUN] = FakeExplorer(RUN)
    served.explorers[RUN].fail = Odd(1, 2)
    served.ask(1, "page", 0, 4)
    error = served.replies_until(Failed)[-1].error.as_error()
    assert describe(error) == "unexpected Odd: odd"
    assert "in _hear" in error.__notes__[0]


def test_what_a_library_prints_is_no_reply() -> None:
    program = "import core.explorer.server as s; s.Server.serve = lambda self: print('printed', flush=True); s.main()"
    done = subprocess.run([sys.executable, "-c", program, "/data"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"printed\n")
