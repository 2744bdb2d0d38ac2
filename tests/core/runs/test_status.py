"""What a trainer says of itself is checked when it is written and when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import DamagedFile, RunError
from core.jobs import launch
from core.runs.run import Run
from core.runs.status import DeviceLoad, GpuFigures, State, Status, StatusChanges

MakeRun = Callable[..., Run]


@pytest.mark.parametrize(
    "changes",
    [{"epoch": "nonsense"}, {"epoch": -1}, {"learning_rate": float("nan")}, {"state": "flying"}, {"pid": "7"}],
)
def test_a_value_that_readers_refuse_is_never_written(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Status(state=State.RUNNING).updated(**changes)


def test_what_a_newer_version_says_is_read_as_far_as_it_is_known(make_run: MakeRun) -> None:
    run = make_run()
    newer = '{"state": "hibernating", "epoch": 3, "cause": "preempted", "error": "taken away", "queue": {"place": 2}}'
    (run.path / "status.json").write_text(newer)
    assert run.status() == Status(state=State.UNKNOWN, epoch=3, error="taken away")
    with pytest.raises(RunError, match="is in a state that only a newer version of vae-tui knows"):
        launch.resume(run)


def test_the_figures_of_a_gpu_are_gaps_where_they_cannot_be_read_and_earlier_readers_meet_none(
    make_run: MakeRun,
) -> None:
    run = make_run()
    status = Status(state=State.RUNNING, gpu=GpuFigures(memory_used=3, memory_total=80))
    run.write_status(status)
    assert run.status() == status
    written = json.loads((run.path / "status.json").read_text())
    assert written["device_load"] is None
    assert written["gpu"]["utilisation"] is None
    assert all(field.is_required() for field in DeviceLoad.model_fields.values())


def test_a_change_leaves_the_rest_of_the_status() -> None:
    before = Status(state=State.RUNNING, pid=7, epoch=3)
    assert before.updated(epoch=4, error="full") == Status(state=State.RUNNING, pid=7, epoch=4, error="full")


def test_every_field_can_be_changed_and_no_other() -> None:
    assert StatusChanges.__annotations__.keys() == Status.model_fields.keys()


@pytest.mark.parametrize(
    "value", ['"state": "Flying!"', '"state": 7', '"pid": -1', '"epoch": "x"', '"heartbeat": 1e999', '"epoch": 9e99']
)
def test_a_damaged_status_is_named_in_one_line(make_run: MakeRun, value: str) -> None:
    run = make_run()
    (run.path / "status.json").write_text('{"state": "running", ' + value + "}")
    with pytest.raises(DamagedFile, match=r"^status\.json: [^\n]+$"):
        run.status()
