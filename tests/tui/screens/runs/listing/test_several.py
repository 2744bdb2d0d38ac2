"""Marked runs are acted on together, with one question; the trash is listed and emptied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.jobs import launch
from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State
from core.trash import discard, find_deleted
from tests.support.screens import MakeApp, press, screen_text, settle, until
from tests.support.snapshots import make_summary
from tui.app import VaeTui
from tui.background.readers import RunsReader
from tui.screens.runs.listing.trash import Trash
from tui.widgets.row_table import RowTable

RUNS = [
    make_summary("one"),
    make_summary("two"),
    make_summary("three", State.PAUSED),
    make_summary("four", State.STOPPED),
    make_summary("five", State.FINISHED),
]


def words(app: VaeTui) -> str:
    return " ".join(screen_text(app).replace("│", "").split())


async def test_marked_runs_are_stopped_paused_and_resumed_together(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def send(run: Run, action: str) -> bool:
        asked.append((run.name, action))
        return True

    monkeypatch.setattr(launch, "send_request", send)

    class Started:
        def wait_until_started(self, told_to_stop: object) -> None:
            asked.append(("started", ""))

    def begin(run: Run, *how: object, **where: object) -> Started:
        asked.append((run.name, "begin"))
        return Started()

    monkeypatch.setattr(launch, "resume", begin)
    app = make_app(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "asterisk", "s")
        assert "Save and stop 3 runs (one, two, three)?" in words(app)
        await press(pilot, "y")
        await settle(pilot)
        assert asked == [("one", "stop"), ("two", "stop"), ("three", "stop")]
        asked.clear()
        await press(pilot, "p")
        await settle(pilot)
        assert [action for _, action in asked] == ["pause"] * 3
        asked.clear()
        await press(pilot, "r")
        assert "Resume 2 runs (three, four)? five needs an answer: resume each alone." in words(app)
        await press(pilot, "y")
        await settle(pilot)
        assert sorted(asked) == [("four", "begin"), ("started", ""), ("three", "resume")]
        asked.clear()
        await press(pilot, "asterisk", "home", "w")  # without marks: the one under the cursor
        await settle(pilot)
        assert asked == [("one", "save")]


@pytest.fixture
def real_app(make_app: MakeApp, runs_dir: Path) -> tuple[VaeTui, list[Run]]:
    runs = [Run.create(runs_dir, name, make_config(dataset="mnist-5k")) for name in ("c", "b", "a")][::-1]
    app = make_app()
    app.shared.runs_dir = runs_dir
    app._sources = replace(app._sources, runs=lambda: RunsReader(runs_dir))
    return app, runs


async def test_marked_runs_are_deleted_together_and_the_trash_is_emptied(real_app: tuple[VaeTui, list[Run]]) -> None:
    app, runs = real_app
    folder = runs[0].path.parent
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        table = app.screen.query_one(RowTable)
        await until(pilot, lambda: len(table.rows) == 3, "the rows")
        await press(pilot, "space", "down", "space", "end", "d")  # the cursor is on none of them
        assert "Delete 2 runs (a, b) with their weights" in words(app)
        await press(pilot, "y")
        await until(pilot, lambda: len(find_deleted(folder)) == 2, "the end of both")
        assert runs[2].path.exists()
        await until(pilot, lambda: app.shared.marked == [], "no marks")
        await press(pilot, "D")
        await until(pilot, lambda: "trash: 2 runs" in screen_text(app), "the trash")
        await press(pilot, "u")
        await until(pilot, lambda: "trash: 1 run," in screen_text(app), "one run back")
        assert len(find_deleted(folder)) == 1
        await press(pilot, "D", "n")
        assert len(find_deleted(folder)) == 1
        await press(pilot, "D")
        assert "Remove 1 run for good" in words(app)
        await press(pilot, "y")
        await until(pilot, lambda: "nothing is in it" in screen_text(app), "the empty trash")
        assert find_deleted(folder) == []
        assert not [*(folder / ".trash").iterdir()]
        await press(pilot, "escape")
        assert not isinstance(app.screen, Trash)
        await until(pilot, lambda: len(table.rows) == 2, "the row that is back")


async def test_what_was_deleted_is_taken_back_one_by_one(real_app: tuple[VaeTui, list[Run]]) -> None:
    app, runs = real_app
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        table = app.screen.query_one(RowTable)
        await until(pilot, lambda: len(table.rows) == 3, "the rows")
        await press(pilot, "asterisk", "p", "d")
        said = "none of 3 runs (a, b, c) trains: there is nothing to pause; r resumes"
        assert [note.message for note in app._notifications] == [said]
        assert "u takes them back, one each time." in words(app)
        await press(pilot, "y")
        await until(pilot, lambda: len(app.shared.deleted) == 3, "the end of all")
        for count in (1, 2, 3):
            await press(pilot, "u")
            await until(pilot, lambda count=count: len(table.rows) == count, "the row")  # type: ignore[misc]
        await press(pilot, "u")
        assert "nothing is left to take back" in [*app._notifications][-1].message
        assert all(run.path.exists() for run in runs)


async def test_runs_that_go_on_are_not_deleted_and_said_to_stay(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "asterisk", "d")
        assert "Delete 2 runs (four, five)" in words(app)
        assert "3 runs (one, two, three) go on and stay." in words(app)


async def test_what_cannot_be_removed_is_said(
    real_app: tuple[VaeTui, list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, runs = real_app
    discard(runs[0])

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("core.trash.shutil.rmtree", refuse)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "D")
        await until(pilot, lambda: "trash: 1 run," in screen_text(app), "the trash")
        await press(pilot, "d", "y")
        await until(pilot, lambda: list(app._notifications), "the refusal")
        assert "Permission denied" in [*app._notifications][-1].message
        assert len(find_deleted(runs[0].path.parent)) == 1


def test_a_run_elsewhere_is_not_removed(make_run: object) -> None:
    from core.errors import RunError
    from core.trash import remove

    run = make_run()  # type: ignore[operator]
    with pytest.raises(RunError, match="is not in the trash"):
        remove(run)
    assert run.path.exists()
