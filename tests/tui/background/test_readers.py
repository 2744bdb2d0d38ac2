"""What screens that do not show the metrics are told of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.alerts import following
from core.runs.alerts.following import Disk
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State, Status, boot_id, uptime
from tui.background.readers import RunUpdateReader


def test_what_is_amiss_with_a_run_is_told_once_and_by_the_second_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "free_space", lambda folder: Disk(0, 100))
    run = Run.create(tmp_path, "a-run", make_config(preset="ae"))
    run.open_metrics().close()
    with run.lock():
        run.write_status(Status(state=State.RUNNING, begun=True, boot=boot_id(), uptime=uptime()))
        reader = RunUpdateReader(run)
        looks = [reader.poll() for _ in range(3)]
    assert [look and [alert.kind for alert in look.summary.alerts] for look in looks] == [[], ["disk"], None]
    run.write_status(Status(state=State.FAILED, cause="diverged"))
    ended = RunUpdateReader(run).poll()
    assert ended is not None
    assert [alert.kind for alert in ended.summary.alerts] == ["diverged"]
