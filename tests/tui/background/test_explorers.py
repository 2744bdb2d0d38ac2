"""The explorers of runs are made off the UI thread, one session for each of the two runs looked into last."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path

from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.runs.run import Run
from tui.background.explorers import ExplorerCache

MakeRun = Callable[..., Run]


def session_of(cache: ExplorerCache, run: Run, report: Callable[[str], object] = print) -> RunSession:
    explorer = cache.of(run, report)
    assert isinstance(explorer, RunExplorer)
    return explorer.session


def test_a_run_is_opened_once_and_the_third_takes_the_place_of_the_first(make_run: MakeRun, tmp_path: Path) -> None:
    cache, (one, two, three) = ExplorerCache(tmp_path), [make_run(name) for name in ("one", "two", "three")]
    sessions = [session_of(cache, run) for run in (one, two)]
    assert [session_of(cache, run) for run in (one, two)] == sessions
    session_of(cache, three)
    assert session_of(cache, two) is sessions[1]
    assert session_of(cache, one) is not sessions[0]


def test_loading_is_reported_to_the_task_that_loads_and_to_those_that_wait(make_run: MakeRun, tmp_path: Path) -> None:
    cache, run = ExplorerCache(tmp_path), make_run()
    heard: dict[str, list[str]] = {"loads": [], "waits": []}
    reached, going_on = threading.Event(), threading.Event()

    def report_slowly(words: str) -> None:
        heard["loads"].append(words)
        reached.set()
        assert going_on.wait(10)

    def report(words: str) -> None:
        heard["waits"].append(words)
        going_on.set()

    loading = threading.Thread(target=cache.of, args=(run, report_slowly))
    loading.start()
    assert reached.wait(10)
    cache.of(run, report)
    loading.join()
    assert heard == {"loads": ["loading PyTorch"], "waits": ["loading PyTorch"]}


def test_garbage_of_later_is_not_left_out_however_many_runs_are_opened(tmp_path: Path) -> None:
    explorers = ExplorerCache(tmp_path)
    try:
        explorers.of(Run(tmp_path / "first"), lambda words: None)
        frozen = gc.get_freeze_count()
        for name in ("second", "third", "fourth"):
            explorers.of(Run(tmp_path / name), lambda words: None)
        assert gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()
