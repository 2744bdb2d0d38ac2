"""An app that is fed by hand, on a terminal of sixteen colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.explorer.protocol import Explorer, Report
from core.jobs import launch
from core.runs.catalog import RunSummary
from core.runs.run import Run
from tests.support.explorers import FakeEvaluator, FakeExplorers
from tests.support.readers import HandFed, Pictures, Readers
from tests.support.screens import MakeApp
from tests.support.snapshots import make_run_update, make_snapshot, make_summary
from tui.app import VaeTui
from tui.background.polling import Reader
from tui.messages import Moments, RunUpdate, Snapshot
from tui.screens.selection import Timing
from tui.screens.sources import Sources


@pytest.fixture(autouse=True)
def sixteen_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 256 colours pictures are shades, which a snapshot of the text shows."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.fixture(autouse=True)
def nobody_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests train on this machine, which the form of a new run would say."""
    monkeypatch.setattr(launch, "training_here", lambda: 0)


@pytest.fixture
def truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture
def updates() -> Readers[RunUpdate]:
    """What screens that look into a run follow, where a test does not say otherwise."""
    return Readers(lambda run: make_run_update(make_summary(run.name)))


@pytest.fixture
def make_app(tmp_path: Path, updates: Readers[RunUpdate]) -> MakeApp:
    """Makes an app that shows what it is given; its runs folder is empty."""

    def make(
        *,
        runs: list[RunSummary] | None = None,
        snapshot: Snapshot | None = None,
        pictures: Callable[[Run], Pictures] = Pictures,
        explorer: Callable[[Run, Report], Explorer] | None = None,
        snapshots: Callable[[Run], HandFed[Snapshot]] | None = None,
        evaluator: FakeEvaluator | None = None,
        other_runs: Callable[[Run], list[Run]] | None = None,
        timing: Timing | None = None,
        moments: Callable[[Run], Reader[Moments]] | None = None,
    ) -> VaeTui:
        if snapshot is not None:
            updates.first = lambda run: make_run_update(replace(snapshot.summary, run=run))
        explorers = FakeExplorers()
        explorers.evaluator = evaluator
        sources = Sources(
            runs=lambda: HandFed([make_summary()] if runs is None else runs),
            snapshots=snapshots or (lambda run: HandFed(snapshot or make_snapshot())),
            pictures=pictures,
            updates=updates.open,
            explorer=explorer or explorers.of,
            moments=moments or (lambda run: HandFed(Moments(run, ()))),
            other_runs=other_runs or (lambda run: []),
        )
        run = snapshot.run if snapshot else None
        return VaeTui(tmp_path / "checkpoints", Path("/data"), run, sources, timing=timing or Timing(poll=0.1))

    return make
