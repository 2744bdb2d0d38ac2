"""Screen 1: the runs, newest first, and the cursor on one of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from core.runs.alerts.rules import Alert
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from core.trash import find_deleted
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, burst, feed, press, screen_text, settle, shown, until
from tests.support.snapshots import RUNS, make_snapshot, make_summary
from tui import formatting
from tui.app import VaeTui
from tui.background.readers import RunsReader
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.training import TrainingScreen
from tui.screens.selection import Timing
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


async def test_an_alert_is_told_of_the_run_under_the_cursor_and_moves_no_column(make_app: MakeApp) -> None:
    well = make_summary("well")
    bad = replace(make_summary("bad"), alerts=(Alert("slow", "it trains far below its usual speed"),))
    assert formatting.state(bad).cell_len == formatting.state(well).cell_len
    app = make_app(runs=[well, bad])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "! running" in screen_text(app)
        assert "it trains far below" not in screen_text(app)
        await press(pilot, "down")
        assert "it trains far below its usual speed" in screen_text(app)


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


async def test_the_age_of_a_run_advances_though_nothing_else_changes(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1e9
    monkeypatch.setattr("tui.run_columns.time.time", lambda: now)
    app = make_app(
        runs=[
            make_summary("a", State.FINISHED, changed=now - 50),
            make_summary("b", State.FINISHED, changed=now - 7000),
        ],
        timing=Timing(poll=0.1, clock=0.05),
    )
    async with app.run_test() as pilot:
        await settle(pilot)
        for seconds, ages in (
            (0, ("50 s", "1 h")),
            (8, ("58 s", "1 h")),
            (60, ("1 m", "1 h")),
            (36_000, ("10 h", "11 h")),
        ):
            now = 1e9 + seconds
            await until(pilot, lambda: all(age in screen_text(app) for age in ages), f"{ages}")  # noqa: B023
            lines = [line for line in screen_text(app).splitlines() if "finished" in line]
            assert all(line.endswith(age) for line, age in zip(lines, ages, strict=True))
        await pilot.press("question_mark")
        now += 36_000
        table = app.screen_stack[0].query_one(RowTable)
        await until(
            pilot, lambda: "21 h" in "".join(table.render_line(y).text for y in (1, 2)), "the age behind the keys"
        )
        await pilot.press("escape", "2", "1")
        now += 7 * 3600
        await until(pilot, lambda: "1 d" in screen_text(app), "the age after another screen")


@pytest.fixture
def three_runs(make_app: MakeApp, runs_dir: Path) -> tuple[VaeTui, list[Run]]:
    """An app that lists real runs, and the runs, the newest first."""
    runs = [Run.create(runs_dir, name, make_config(dataset="mnist-5k")) for name in ("c", "b", "a")][::-1]
    app = make_app()
    app._sources = replace(app._sources, runs=lambda: RunsReader(runs_dir))
    return app, runs


async def rows(pilot: Pilot[None], expected: int) -> list[str]:
    """The names in the list once it has so many."""
    table = pilot.app.screen.query_one(RowTable)
    await until(pilot, lambda: len(table.rows) == expected, f"{expected} rows")
    return [summary.run.name for summary in table.rows]


async def test_the_cursor_stays_in_its_row_after_a_question_and_after_a_run_was_deleted(
    three_runs: tuple[VaeTui, list[Run]],
) -> None:
    app, runs = three_runs
    app.selected_run = runs[2]  # what was looked at before
    async with app.run_test() as pilot:
        await press(pilot, "1")
        assert await rows(pilot, 3) == ["a", "b", "c"]
        await press(pilot, "home", "down", "d", "n")
        screen = shown(app, RunsScreen)
        assert (chosen := screen.chosen())
        assert chosen.run == runs[1]
        await press(pilot, "question_mark", "escape", "d", "y")
        await until(pilot, lambda: not runs[1].path.exists(), "the end of the run")
        assert await rows(pilot, 2) == ["a", "c"]
        assert screen.query_one(RowTable).cursor == 1
        await pilot.pause(0.3)  # polls
        assert screen.query_one(RowTable).cursor == 1
    assert runs[0].path.exists()


async def test_runs_deleted_one_after_the_other_are_those_that_the_question_named(
    three_runs: tuple[VaeTui, list[Run]],
) -> None:
    app, runs = three_runs
    async with app.run_test() as pilot:
        await settle(pilot)
        await rows(pilot, 3)
        await burst(pilot, "d")
        assert "Delete a " in screen_text(app)
        await burst(pilot, "y", "d")
        assert "Delete b " in screen_text(app)
        await burst(pilot, "y", "u")
        await until(pilot, lambda: len(find_deleted(runs[0].path.parent)) == 1, "the end of both and one back")
        await rows(pilot, 2)
        assert runs[2].path.exists()


async def test_a_deleted_run_is_taken_back_by_a_key_and_is_under_the_cursor(
    three_runs: tuple[VaeTui, list[Run]],
) -> None:
    app, runs = three_runs
    async with app.run_test() as pilot:
        await settle(pilot)
        await press(pilot, "down", "d", "y")
        await until(pilot, lambda: not runs[1].path.exists(), "the end of the run")
        assert await rows(pilot, 2) == ["a", "c"]
        await press(pilot, "home", "u")
        assert await rows(pilot, 3) == ["a", "b", "c"]
        await until(pilot, lambda: shown(app, RunsScreen).chosen().run == runs[1], "the cursor")  # type: ignore[union-attr]
        await press(pilot, "u")
        assert "nothing is left to take back" in [*app._notifications][-1].message


async def test_a_run_that_could_not_be_deleted_is_listed_again(
    three_runs: tuple[VaeTui, list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, runs = three_runs
    async with app.run_test() as pilot:
        await settle(pilot)
        await rows(pilot, 3)
        with runs[0].open_metrics():
            await press(pilot, "d", "y")
            await until(pilot, lambda: list(app._notifications), "the refusal")
            assert await rows(pilot, 3) == ["a", "b", "c"]
            assert shown(app, RunsScreen).query_one(RowTable).cursor == 0


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
