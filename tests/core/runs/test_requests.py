"""Requests: none is lost, each is given once and in order, and versions that know one file only are understood."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.jobs import launch
from core.runs.requests import CONTROL, Inbox, Requests
from core.runs.run import Run
from core.runs.status import State, Status

MakeRun = Callable[..., Run]


@pytest.fixture
def requests(make_run: MakeRun) -> Requests:
    return make_run().requests


def taken(inbox: Inbox) -> list[str]:
    return [request.action for request in inbox.take()]


def test_each_is_given_once_and_in_the_order_in_which_it_was_asked(requests: Requests) -> None:
    inbox = Inbox(requests, None, 0, log=print)
    requests.add("pause", 0)
    requests.add("save", 0)
    assert taken(inbox) == ["pause", "save"]
    requests.add("resume", 0)
    assert taken(inbox) == ["resume"]
    assert taken(inbox) == []
    assert inbox.answers() == {"done_request": 3}


def test_one_is_there_until_it_is_answered_and_goes_on_counting_then(requests: Requests) -> None:
    inbox = Inbox(requests, None, 0, log=print)
    request = requests.add("save", 0)
    inbox.take()
    assert (inbox.unanswered, requests.names()) == (True, [request.file])
    assert taken(Inbox(requests, None, 0, log=print)) == ["save"], "the trainer after one that was killed"
    inbox.let_go()
    assert (inbox.unanswered, requests.names()) == (False, [])
    assert requests.add("save", inbox.answers()["done_request"]).number == 2


def test_two_viewers_with_the_same_number_lose_nothing(requests: Requests) -> None:
    first = requests.add("pause", 0)
    twin = first.model_copy(update={"id": "f" * 32, "action": "save"})
    (requests.folder / twin.file).write_text(twin.model_dump_json())
    assert sorted(taken(Inbox(requests, None, 0, log=print))) == ["pause", "save"]


def test_what_is_no_request_is_said_once_and_does_not_come_again(requests: Requests) -> None:
    said: list[str] = []
    inbox = Inbox(requests, None, 0, said.append)
    damaged = requests.folder / f"request-1-{'0' * 32}.json"
    damaged.write_text("{")
    requests.add("stop", 0)
    assert taken(inbox) + taken(inbox) == ["stop"]
    assert len(said) == 1
    assert said[0].startswith("ignored: request-1-")
    inbox.let_go()
    assert not damaged.exists()


def test_the_one_file_of_earlier_versions_is_obeyed_once(requests: Requests) -> None:
    inbox = Inbox(requests, None, 0, log=print)
    last = requests.replace_last("pause")
    assert taken(inbox) + taken(inbox) == ["pause"]
    assert inbox.answers() == {"done_request": 0, "handled": last.id}
    assert taken(Inbox(requests, last.id, 0, log=print)) == []
    requests.replace_last("resume")
    assert taken(inbox) == ["resume"]


def test_a_trainer_of_an_earlier_version_is_asked_in_the_one_file_it_knows(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    status = Status(state=State.RUNNING)
    run.write_status(status)
    monkeypatch.setattr(Run, "state", lambda self: State.RUNNING)
    launch.send_request(run, "stop")
    launch.send_request(run, "save")  # which must not undo the stop
    last = run.requests.last()
    assert last is not None
    assert (last.action, run.requests.names()) == ("stop", [])
    run.write_status(status.updated(done_request=4))
    (run.path / CONTROL).unlink()
    launch.send_request(run, "pause")
    assert [run.requests.read(name).number for name in run.requests.names()] == [5]
    assert run.requests.last() is None


def test_who_resumes_a_run_takes_back_what_waits_to_stop_it(make_run: MakeRun) -> None:
    run = make_run()
    run.request("stop")
    launch.prepare_resume(run)
    assert run.requests.names() == []
