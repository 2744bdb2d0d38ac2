"""The screen of a sweep: a table of its runs, the best first, plots, and keys for the whole of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from core.jobs import launch
from core.jobs.queue import starting, trainers, waiting
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from tests.support.screens import press, screen_text, until
from tests.tui.screens.test_grammar import check_screen
from tui.app import VaeTui
from tui.screens.dialogs import Confirm
from tui.screens.runs.training import TrainingScreen
from tui.screens.sweeps.screen import SweepScreen

LOSSES = {(0.001, 64): 42.5, (0.01, 64): 40.25, (0.001, 128): 44.0, (0.01, 128): None}


@pytest.fixture
def runs(runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Three runs that finished, and one that was not begun."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(trainers, "usual_at_once", lambda device: 1)
    monkeypatch.setattr(starting, "trainers_here", list)
    made = []
    for (rate, batch), loss in LOSSES.items():
        config = make_config(
            dataset="mnist-5k", device="cpu", learning_rate=rate, batch_size=batch, epochs=1
        ).model_copy(update={"sweep": "try"})
        run = Run.create(runs_dir, f"try-lr{rate:g}-batch{batch}", config)
        if loss is not None:
            line = {"kind": "epoch", "epoch": 1, "step": 9, "time": 1.0, "val_loss": loss, "val_reconstruction": loss}
            run.metrics_path.write_text(json.dumps(line) + "\n")
            run.write_status(run.status().updated(state=State.FINISHED, epoch=1))
        made.append(run)
    return made


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def start(run: Run, *arguments: Any, **options: Any) -> None:
        names.append(run.name)

    monkeypatch.setattr(launch, "start", start)
    return names


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_sweep_is_a_table_and_plots(
    runs: list[Run], runs_dir: Path, snapshot: SnapshotAssertion, size: tuple[int, int]
) -> None:
    app = VaeTui(runs_dir, runs_dir)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "try-lr" in screen_text(app), "the list")
        await press(pilot, "W")
        await until(pilot, lambda: "so far" in screen_text(app), "the sweep")
        check_screen(app)
        assert screen_text(app) == snapshot
        await press(pilot, "x", "j")
        assert screen_text(app) == snapshot
        await press(pilot, "v", "o")
        assert screen_text(app) == snapshot
        await press(pilot, "v")
        assert "so far" in screen_text(app)
        await press(pilot, "escape")
        assert not isinstance(app.screen, SweepScreen)


async def test_what_is_left_waits_and_all_is_stopped(runs: list[Run], runs_dir: Path, started: list[str]) -> None:
    app = VaeTui(runs_dir, runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "try-lr" in screen_text(app), "the list")
        await press(pilot, "W")
        await until(pilot, lambda: "so far" in screen_text(app), "the sweep")
        await press(pilot, "r")
        await until(pilot, lambda: started, "a trainer")
        assert (started, runs[3].state()) == ([runs[3].name], State.QUEUED)
        await until(pilot, lambda: "queued" in screen_text(app), "its state")
        await press(pilot, "s")
        assert isinstance(app.screen, Confirm)
        await press(pilot, "y")
        await until(pilot, lambda: runs[3].state() is State.CREATED, "the end of its waiting")
        assert waiting.place_of(runs[3]) is None


async def test_what_fails_in_a_way_that_nobody_expects_is_said_and_the_app_goes_on(
    runs: list[Run], runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: Run, **options: Any) -> None:
        raise KeyError(run.name)

    monkeypatch.setattr(launch, "prepare_resume", fail)
    app = VaeTui(runs_dir, runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "try-lr" in screen_text(app), "the list")
        await press(pilot, "W")
        await until(pilot, lambda: "so far" in screen_text(app), "the sweep")
        await press(pilot, "r")
        await until(pilot, lambda: any("unexpected KeyError" in note.message for note in app._notifications), "words")
        assert app.is_running


async def test_keys_that_can_do_nothing_say_why(runs: list[Run], runs_dir: Path) -> None:
    shutil.rmtree(runs[2].path)
    shutil.rmtree(runs[3].path)
    app = VaeTui(runs_dir, runs_dir)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "try-lr" in screen_text(app), "the list")
        await press(pilot, "W")
        await until(pilot, lambda: "lowest" in screen_text(app), "the sweep")
        await press(pilot, "x", "s", "r")
        said = [note.message for note in app._notifications]
        assert said == [
            "its runs differ in one setting at most",
            "none of its runs trains or waits",
            "nothing is left: each of its runs has finished, trains or waits",
        ]
        await press(pilot, "enter")
        assert isinstance(app.screen, TrainingScreen)


async def test_seeds_are_a_row_with_mean_and_deviation_and_all_is_exported(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    for (rate, seed), loss in {(0.001, 0): 40.0, (0.001, 1): 44.0, (0.01, 0): 45.0, (0.01, 1): 46.5}.items():
        config = make_config(dataset="mnist-5k", device="cpu", learning_rate=rate, seed=seed, epochs=1).model_copy(
            update={"sweep": "try"}
        )
        run = Run.create(runs_dir, f"try-lr{rate:g}-seed{seed}", config)
        line = {"kind": "epoch", "epoch": 1, "step": 9, "time": 1.0, "val_loss": loss, "val_reconstruction": loss}
        run.metrics_path.write_text(json.dumps(line) + "\n")
        run.write_status(run.status().updated(state=State.FINISHED, epoch=1))
    monkeypatch.chdir(tmp_path)
    app = VaeTui(runs_dir, runs_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "try-lr" in screen_text(app), "the list")
        await press(pilot, "W")
        await until(pilot, lambda: "lowest validation" in screen_text(app), "the sweep")
        await press(pilot, "h")
        check_screen(app)
        assert screen_text(app) == snapshot
        await press(pilot, "e")
        path = tmp_path / "try-sweep.csv"
        await until(pilot, path.exists, "the file")
        await press(pilot, "X")
        assert "mean ± s" in screen_text(app)
        await press(pilot, "escape", "enter")
        assert "lowest validation" in screen_text(app), "enter shows the runs of a row"
        assert app.screen.table.cursor == 0  # type: ignore[attr-defined]
    header, first, *_ = path.read_text().splitlines()
    of_run = dict(zip(header.split(","), first.split(","), strict=True))
    assert (of_run["run"], of_run["val_loss_mean"], of_run["val_loss_n"]) == ("try-lr0.001-seed0", "42.0", "2")


async def test_a_run_of_no_sweep_has_no_such_screen(runs_dir: Path) -> None:
    Run.create(runs_dir, "alone", make_config(dataset="mnist-5k"))
    app = VaeTui(runs_dir, runs_dir)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "alone" in screen_text(app), "the list")
        await press(pilot, "W")
        assert [note.message for note in app._notifications] == ["alone is in no sweep"]
