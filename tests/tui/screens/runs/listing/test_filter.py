"""The list shows the runs that a filter leaves, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.runs.config import make_config
from core.runs.run import Run
from tests.support.screens import MakeApp, press, screen_text, settle, shown
from tests.support.snapshots import RUNS
from tui.cli import main
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.training import TrainingScreen
from tui.widgets.row_table import RowTable


async def test_a_filter_holds_as_it_is_typed_is_said_and_cleared_by_escape(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = shown(app, RunsScreen)
        rows = screen.query_one(RowTable)
        await press(pilot, "end", "slash", *"n=1")
        assert "runs have no 'n' to compare" in screen_text(app)
        assert len(rows.rows) == len(RUNS)  # what held before
        await press(pilot, "enter")
        assert screen._filter.is_typed  # until it is right
        await press(pilot, "ctrl+u", *"vae-")
        assert [row.run.name for row in rows.rows] == ["vae-mnist", "vae-post-mnist", "vae-2", "vae-3"]
        await press(pilot, "enter", "space", "asterisk")
        assert "filter vae-: 4 of 6 runs; escape shows all" in screen_text(app)
        assert len(app.shared.marked) == 4  # those that are shown, no others
        await press(pilot, "slash", "ctrl+u", *"state=failed", "enter")
        assert "4 marked (3 not shown): 6 compares them" in screen_text(app)
        await press(pilot, "enter")
        assert shown(app, TrainingScreen).selected_run == RUNS[3].run
        await press(pilot, "1", "escape")
        assert len(rows.rows) == len(RUNS)
        assert screen.chosen() is RUNS[3]
        assert "filter" not in screen_text(app).splitlines()[-2]
        await press(pilot, "slash", *"nothing")
        assert "no run is like that" in screen_text(app)
        await press(pilot, "escape")
        assert len(rows.rows) == len(RUNS)


async def test_escape_brings_the_cursor_back_to_where_a_filter_was_begun(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = shown(app, RunsScreen)
        await press(pilot, "j", "slash", *"post")
        assert screen.chosen() is RUNS[2]
        await press(pilot, "escape")
        assert screen.chosen() is RUNS[1]


async def test_what_is_half_typed_empties_no_list(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        rows = shown(app, RunsScreen).query_one(RowTable)
        await press(pilot, "slash", *"preset=ae val_loss<")
        assert [row.run.name for row in rows.rows] == ["ae-mnist"]
        assert "a value must follow val_loss<" in screen_text(app)
        await press(pilot, "ctrl+u", *"val_loss<")
        assert len(rows.rows) == len(RUNS)
        assert "no run is like that" not in screen_text(app)
        await press(pilot, "ctrl+u", *"preset=ae val_lo")
        assert [row.run.name for row in rows.rows] == ["ae-mnist"]
        await press(pilot, "enter")  # a word, then
        assert rows.rows == []
        assert "no run is like that" in screen_text(app)


def test_the_command_lists_the_runs_that_are_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2):
        Run.create(tmp_path, f"s{seed}", make_config(dataset="mnist-5k", seed=seed))

    def runs(*words: str) -> int | None:
        monkeypatch.setattr("sys.argv", ["vae-tui", "runs", "--runs-dir", str(tmp_path), *words])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code  # type: ignore[return-value]

    assert not runs("--filter", "seed=2", "--json")
    assert [run["name"] for run in json.loads(capsys.readouterr().out)] == ["s2"]
    assert not runs("--filter", "seed>2")
    assert capsys.readouterr().out == "none of 2 runs is like that: seed>2\n"
    assert runs("--filter", "sed=2") == 2
    assert capsys.readouterr().err == "vae-tui: runs have no 'sed' to compare; did you mean seed?\n"
