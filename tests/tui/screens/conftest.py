"""An app with two runs: the one that is shown, and another to compare with."""

from __future__ import annotations

import pytest

from core.runs.run import Run
from tests.support.explorers import FakeExplorer, FakeExplorers
from tests.support.readers import HandFed
from tests.support.screens import MakeApp
from tests.support.snapshots import OTHER, RUN, make_snapshot, snapshot_of
from tui.app import VaeTui


@pytest.fixture
def explorers() -> FakeExplorers:
    return FakeExplorers({run: FakeExplorer(run) for run in (RUN, OTHER)})


@pytest.fixture
def explorer(explorers: FakeExplorers) -> FakeExplorer:
    """That of the run that is shown."""
    return explorers[RUN]


def others(run: Run) -> list[Run]:
    return [other for other in (OTHER, RUN) if other != run]


@pytest.fixture
def app(make_app: MakeApp, explorers: FakeExplorers) -> VaeTui:
    """Begins with the list, which is empty."""
    return make_app(runs=[], explorer=explorers.of, other_runs=others)


@pytest.fixture
def run_app(make_app: MakeApp, explorers: FakeExplorers) -> VaeTui:
    """Begins with the training screen of a run."""
    snapshot = make_snapshot()
    return make_app(
        snapshot=snapshot,
        explorer=explorers.of,
        snapshots=lambda run: HandFed(snapshot_of(run)),
        other_runs=others,
    )
