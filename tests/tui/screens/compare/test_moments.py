"""Two runs are compared at moments of their trainings that are alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.run import Run
from core.runs.snapshots.folder import Snapshot
from tests.support.explorers import FakeExplorers
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, opened, press, screen_text
from tests.support.snapshots import OTHER, RUN
from tui.app import VaeTui
from tui.messages import Moment, Moments
from tui.screens.moments import two_runs

MOMENTS = (Moment(150, 0.32), Moment(938, 2.0), Moment(1172, 2.5))
OF_OTHER = [Snapshot(100, 0.2, Path("100")), Snapshot(900, 1.9, Path("900"))]


@pytest.fixture
def app(make_app: MakeApp, explorers: FakeExplorers) -> VaeTui:
    return make_app(
        runs=[],
        explorer=explorers.of,
        other_runs=lambda run: [other for other in (OTHER, RUN) if other != run],
        moments=lambda run: HandFed(Moments(run, MOMENTS)),
    )


def snapshots_of(run: Run) -> tuple[Snapshot, ...]:
    return tuple(OF_OTHER) if run == OTHER else ()


async def test_the_other_run_is_seen_at_its_nearest_moment(
    app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two_runs, "snapshots_of", snapshots_of)
    async with opened(app, "6", "v", size=(120, 40)) as pilot:
        assert "newest · 4/4" in screen_text(app)
        await press(pilot, ";", ";")
        assert "vae-mnist at epoch 2 and ae-mnist at epoch 1.9" in screen_text(app)
        assert (explorers[RUN].moments[-1], explorers[OTHER].moments[-1]) == (150, 100)  # asked about ahead
        assert 900 in explorers[OTHER].moments
        await press(pilot, "~")
        assert "ae-mnist at epoch 1.9 and vae-mnist at epoch 2" in screen_text(app)
        await press(pilot, "v")
        assert "at epoch 1.9 and vae-mnist at epoch 2" in screen_text(app)
        await press(pilot, "v")
        assert "held-out" not in screen_text(app)
        assert "accuracy 87.5% | 87.5%" in screen_text(app)
        await press(pilot, "f")
        assert explorers[RUN].asked[-1][1].fit_each
        await press(pilot, "v")  # settings are those of the whole training
        assert "4/4" not in screen_text(app) and "3/4" not in screen_text(app)
        assert "at epoch" not in screen_text(app).splitlines()[1]


async def test_another_run_without_snapshots_is_seen_as_it_is_now(
    app: VaeTui, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two_runs, "snapshots_of", lambda run: ())
    async with opened(app, "6", "v", size=(120, 40)) as pilot:
        assert "newest · 4/4" in screen_text(app)
        await press(pilot, ";")
        assert "vae-mnist at epoch 2.5 and ae-mnist now" in screen_text(app)
        assert set(explorers[OTHER].moments) == {None}
