"""Screen 1: the runs, newest first, and the cursor on one of them."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.support.readers import HandFed
from tests.support.screens import MakeApp, feed, screen_text, settle
from tests.support.snapshots import RUNS, make_snapshot, make_summary
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.training import TrainingScreen
from tui.widgets.row_table import RowTable

SIZES = [(80, 24), (120, 40)]


@pytest.mark.parametrize("size", SIZES)
async def test_runs_screen(make_app: MakeApp, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "down")
        await settle(pilot)
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", SIZES)
async def test_runs_screen_without_runs(make_app: MakeApp, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert screen_text(app) == snapshot


async def test_enter_opens_the_run_under_the_cursor(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "enter")
        assert isinstance(app.screen, TrainingScreen)
        assert app.selected_run == RUNS[2].run


async def test_the_cursor_stays_on_its_run_when_the_list_changes(make_app: MakeApp) -> None:
    reader = HandFed(RUNS)
    app = make_app()
    async with app.run_test() as pilot:
        screen = RunsScreen(app.shared, lambda: reader, "")
        await app.push_screen(screen)
        await settle(pilot)
        await pilot.press("down", "down")
        await feed(pilot, reader, [make_summary("newest"), *RUNS])
        chosen = screen.chosen()
        assert chosen is not None
        assert chosen.run == RUNS[2].run
        assert len(screen.query_one(RowTable).rows) == len(RUNS) + 1


async def test_the_cursor_stays_in_its_row_when_the_run_there_is_deleted(make_app: MakeApp) -> None:
    reader = HandFed(RUNS)
    app = make_app()
    async with app.run_test() as pilot:
        screen = RunsScreen(app.shared, lambda: reader, "")
        await app.push_screen(screen)
        await settle(pilot)
        await pilot.press("down", "down")
        await feed(pilot, reader, [summary for summary in RUNS if summary is not RUNS[2]])
        assert screen.chosen() is RUNS[3]


async def test_the_run_that_was_looked_at_is_the_one_under_the_cursor(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS, snapshot=make_snapshot(RUNS[3]))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.selected_run == RUNS[3].run
        await pilot.press("1")
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert app.screen.chosen() is RUNS[3]
        await pilot.press("home")
        assert app.screen.chosen() is RUNS[0]
        await pilot.press("end")
        assert app.screen.chosen() is RUNS[-1]
