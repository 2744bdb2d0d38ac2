"""A queue does the newest task of each kind, one at a time, and nothing once it is closed."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tui.background.garbage import Garbage, collect_by_the_clock
from tui.background.tasks import LatestTaskQueue

WaitUntil = Callable[..., None]


class Gate:
    """A question that waits until it is let through."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.open.wait(10)


@pytest.fixture
def crashes() -> list[Exception]:
    return []


@pytest.fixture
def queue(crashes: list[Exception]) -> Iterator[LatestTaskQueue]:
    queue = LatestTaskQueue(crashes.append)
    yield queue
    queue.close()


@pytest.fixture
def gate(queue: LatestTaskQueue) -> Iterator[Gate]:
    """What the queue is at."""
    gate = Gate()
    queue.submit("gate", gate)
    assert gate.reached.wait(10)
    yield gate
    gate.open.set()


def test_a_newer_question_takes_the_turn_of_the_older_one(
    queue: LatestTaskQueue, gate: Gate, wait_until: WaitUntil
) -> None:
    heard: list[str] = []
    for question in ("page 1", "pair 1", "page 2", "film 1", "page 3"):
        queue.submit(question[:4], partial(heard.append, question))
    gate.open.set()
    wait_until(lambda: len(heard) == 3)
    assert heard == ["page 3", "pair 1", "film 1"]


def test_a_question_that_is_being_answered_is_not_replaced(
    queue: LatestTaskQueue, gate: Gate, wait_until: WaitUntil
) -> None:
    heard: list[str] = []
    queue.submit("gate", lambda: heard.append("the next of that kind"))
    assert heard == []
    gate.open.set()
    wait_until(lambda: heard)


def test_questions_are_answered_one_at_a_time_off_the_callers_thread(
    queue: LatestTaskQueue, wait_until: WaitUntil
) -> None:
    threads: set[int] = set()
    for kind in "abc":
        queue.submit(kind, lambda: threads.add(threading.get_ident()))
    wait_until(lambda: not queue.busy)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_waits_can_be_dropped_but_not_what_is_being_answered(
    queue: LatestTaskQueue, gate: Gate, wait_until: WaitUntil
) -> None:
    heard: list[str] = []
    queue.submit("page", lambda: heard.append("dropped"))
    queue.cancel_pending()
    assert queue.busy
    gate.open.set()
    wait_until(lambda: not queue.busy)
    queue.submit("page", lambda: heard.append("asked later"))
    wait_until(lambda: heard)
    assert heard == ["asked later"]


def test_closed_it_answers_nothing_that_waits_and_its_thread_ends(
    queue: LatestTaskQueue, gate: Gate, wait_until: WaitUntil
) -> None:
    heard: list[str] = []
    queue.submit("page", lambda: heard.append("too late"))
    queue.close()
    gate.open.set()
    wait_until(lambda: not queue._thread.is_alive())
    queue.submit("page", lambda: heard.append("far too late"))
    assert heard == []


def test_a_bug_is_heard_once_and_what_waits_is_done_all_the_same(
    queue: LatestTaskQueue, gate: Gate, crashes: list[Exception], wait_until: WaitUntil
) -> None:
    heard: list[str] = []

    def bug() -> None:
        raise ZeroDivisionError("a bug")

    queue.submit("page", bug)
    queue.submit("pair", lambda: heard.append("after the bug"))
    gate.open.set()
    wait_until(lambda: heard)
    assert [type(crash) for crash in crashes] == [ZeroDivisionError]
    assert heard == ["after the bug"]


@pytest.fixture
def generations() -> Iterator[list[int]]:
    """Those that were looked at for garbage, which is done by the clock."""
    thresholds, found = gc.get_threshold(), list[int]()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.callbacks.append(note)
    collect_by_the_clock()
    yield found
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_objects_are_not_looked_at_for_garbage_before_they_fill_the_memory(generations: list[int]) -> None:
    few = [[number] for number in range(20_000)]
    assert generations == []
    many = [[number] for number in range(200_000)]
    assert set(generations) == {0}
    del few, many


def test_garbage_is_looked_for_between_keys_and_all_of_it_in_a_rest(generations: list[int]) -> None:
    now = 0.0
    garbage = Garbage(lambda: now)

    def looked_at(seconds: float, rested: float) -> list[int]:
        nonlocal now
        generations.clear()
        now += seconds
        garbage.tidy(rested)
        return generations

    assert looked_at(1.0, rested=1.0) == []
    assert looked_at(1.5, rested=0.1) == []  # a key is being answered
    assert looked_at(0.5, rested=0.4) == [0]
    assert looked_at(4.5, rested=0.0) == [0]  # one key after the other
    assert looked_at(60.0, rested=1.0) == [0]
    assert looked_at(0.5, rested=2.5) == [2]
    assert looked_at(301.0, rested=0.0) == [2]


def test_what_the_tasks_freed_is_given_back_in_a_rest_and_not_between_two(
    monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    done: list[str] = []
    monkeypatch.setattr("tui.background.tasks.give_back", lambda: done.append("given back"))
    monkeypatch.setattr("tui.background.tasks.REST_SECONDS", 0.3)
    queue = LatestTaskQueue(lambda error: None, lambda: done.append("idle"))
    for _ in range(2):
        queue.submit("page", lambda: done.append("page"))
        wait_until(lambda: done[-1:] == ["idle"])
    wait_until(lambda: "given back" in done)
    time.sleep(0.7)
    queue.close()
    assert done == ["page", "idle", "page", "idle", "given back"]
