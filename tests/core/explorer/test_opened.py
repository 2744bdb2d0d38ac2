"""All that ask about a run share one session, and the two runs that were looked into last have one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.explorer.opened import OpenRuns
from core.runs.run import Run


def test_a_run_is_opened_once_and_the_third_takes_the_place_of_the_first(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    opened, (one, two, three) = OpenRuns(tmp_path), [make_run(name) for name in ("one", "two", "three")]
    sessions = [opened.of(run, print).session for run in (one, two)]
    assert [opened.of(run, print).session for run in (one, two)] == sessions
    opened.of(three, print)
    assert opened.of(two, print).session is sessions[1]
    assert opened.of(one, print).session is not sessions[0]
