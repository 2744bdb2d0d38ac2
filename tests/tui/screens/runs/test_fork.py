"""The form of a fork: the settings of its run, those that are part of its state as they are, and its moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Select

from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State
from tests.conftest import make_trained_run
from tests.support.moments import make_snapshots
from tests.support.screens import MakeApp, press, screen_text, settle, shown, until
from tui.app import VaeTui
from tui.background.readers import RunsReader
from tui.background.snapshots import MomentsReader
from tui.screens.runs import fork
from tui.screens.runs.fork import ForkRun
from tui.screens.runs.form.settings import Row

MakeRun = Callable[..., Run]


@pytest.fixture
def app(make_app: MakeApp, make_run: MakeRun, runs_dir: Path) -> VaeTui:
    """An app that lists a run that was stopped in epoch 2 of 5, with two snapshots, and one that was not begun."""
    app = make_app(moments=MomentsReader)
    app.runs_dir = app.shared.runs_dir = runs_dir
    app._sources = replace(app._sources, runs=lambda: RunsReader(runs_dir))
    return app


def make_stopped_run(runs_dir: Path) -> Run:
    """A run that was stopped in epoch 2 of 5, with two snapshots."""
    run = make_trained_run(runs_dir, "vae")
    run.write_state(b"what only its trainer reads")
    status = run.last_status().updated(state=State.STOPPED, epoch=2, epochs=5, step=250, steps_per_epoch=100)
    run.write_status(status.updated(saved_step=250, base_learning_rate=0.002))
    make_snapshots(run, (0.5, 2.0))
    return run


async def test_a_fork_is_started_with_what_was_changed_from_the_moment_that_was_chosen(
    app: VaeTui, runs_dir: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stopped_run(runs_dir)
    asked: list[tuple[object, ...]] = []

    def make_fork(run: Run, runs_dir: Path, name: str | None, wanted: object, epoch: float | None, **told: Any) -> Run:
        told["warn"]("a snapshot is left out")
        asked.append((run.name, name, wanted, epoch))
        raise launch.NotBegun("told to stop")

    monkeypatch.setattr(fork, "make_fork", make_fork)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "vae " in screen_text(app), "the list")
        await press(pilot, "F")
        form = shown(app, ForkRun)
        await settle(pilot)
        text = screen_text(app)
        assert "fork of vae" in text
        assert "newest, epoch 2.5" in text
        assert "stays: its weights are of it" in text
        kept = [name for name in ("preset", "dataset", "batch_size", "seed") if form.query_one(f"#{name}").disabled]
        assert kept == ["preset", "dataset", "batch_size", "seed"]
        assert form.query_one("#learning_rate", Input).value == "0.002"
        rows = [row.field.id for row in form.query(Row) if row.region]
        assert rows[:5] == ["moment", "beta", "learning_rate", "schedule", "epochs"]
        assert rows[-4:] == ["preset", "dataset", "batch_size", "seed"]
        form.query_one("#epochs", Input).value = "2"
        await settle(pilot)
        assert "epochs must be more than the 2 that vae has done by then, not 2" in screen_text(app)
        await press(pilot, "ctrl+s")
        assert asked == []
        form.query_one("#epochs", Input).value = "8"
        await settle(pilot)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: any("left out" in note.message for note in app._notifications), "the fork")
        form._starting = False
        form.query_one("#moment", Select).value = "snapshot, epoch 0.5"
        await settle(pilot)
        assert not form.query_one("#seed").disabled
        assert "with a fresh Adam and a seed of its own" in screen_text(app)
        form.query_one("#name", Input).value = "mine"
        await settle(pilot)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: len(asked) == 2, "the other one")
    assert asked == [("vae", None, {"epochs": "8"}, None), ("vae", "mine", {"epochs": "8"}, 0.5)]


async def test_the_form_of_a_finished_run_offers_more_epochs_and_says_with_which_rate_it_begins(
    app: VaeTui, runs_dir: Path, make_run: MakeRun
) -> None:
    run = make_trained_run(runs_dir, "vae")
    run.write_state(b"what only its trainer reads")
    status = run.last_status().updated(state=State.FINISHED, epoch=5, epochs=5, step=500, steps_per_epoch=100)
    run.write_status(status.updated(saved_step=500, base_learning_rate=0.002))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "vae " in screen_text(app), "the list")
        await press(pilot, "F")
        form = shown(app, ForkRun)
        await settle(pilot)
        assert form.query_one("#epochs", Input).value == "10"
        assert form._wanted == {"epochs": 10}
        form.query_one("#schedule", Select).value = "cosine"
        await settle(pilot)
        assert "begins with 0.001 at epoch 5 of 10" in screen_text(app)
        form.query_one("#epochs", Input).value = "5"
        await settle(pilot)
        assert "epochs must be more than the 5 that vae has done by then, not 5" in screen_text(app)


async def test_a_run_that_saved_nothing_cannot_be_forked_and_says_so(app: VaeTui, make_run: MakeRun) -> None:
    make_run("new")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "new " in screen_text(app), "the list")
        await press(pilot, "F")
        assert "new has saved no state yet" in [*app._notifications][-1].message


async def test_on_a_screen_that_looks_into_a_run_a_fork_begins_from_the_moment_that_is_seen(
    app: VaeTui, runs_dir: Path
) -> None:
    make_stopped_run(runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "vae " in screen_text(app), "the list")
        await press(pilot, "3", "semicolon")
        await until(pilot, lambda: app.shared.selection.moment is not None, "the moment before")
        await press(pilot, "F")
        moment = app.shared.selection.moment
        form = app.screen
        assert isinstance(form, ForkRun)
        assert moment is not None
        assert form._moment.step == moment.step
        assert form._moment.snapshot is not None
        await press(pilot, "escape", "dollar_sign", "F")
        form = app.screen
        assert isinstance(form, ForkRun)
        assert form._moment.snapshot is None
