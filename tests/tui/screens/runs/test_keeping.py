"""Runs are renamed, noted on, copied by their path, and their log is read, by keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from core.runs.config import make_config
from core.runs.keeping.notes import read_notes
from core.runs.run import Run
from tests.support.screens import MakeApp, press, screen_text, settle, shown, until
from tests.support.snapshots import RUNS, make_snapshot
from tui.app import VaeTui
from tui.background.readers import RunsReader
from tui.screens.dialogs import AskValue
from tui.screens.runs.form.settings import SettingsForm
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.log_pane import LogPane
from tui.screens.runs.new_run import NewRun
from tui.screens.selection import Timing
from tui.widgets.row_table import RowTable

MakeRun = Callable[..., Run]


def words(app: VaeTui) -> str:
    return " ".join(screen_text(app).replace("│", "").split())


@pytest.fixture
def app(make_app: MakeApp, make_run: MakeRun, runs_dir: Path) -> VaeTui:
    """An app that lists two real runs."""
    make_run("one", seed=3, learning_rate=0.01)
    make_run("two", preset="ae")
    app = make_app()
    app.runs_dir = app.shared.runs_dir = runs_dir
    app._sources = replace(app._sources, runs=lambda: RunsReader(runs_dir))
    return app


async def test_a_run_is_renamed_and_keeps_its_mark_and_the_cursor(app: VaeTui) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = shown(app, RunsScreen)
        await until(pilot, lambda: len(screen.table.rows) == 2, "the rows")
        await press(pilot, "end", "space", "R")
        field = shown(app, AskValue).query_one(Input)
        field.value = "two"
        await press(pilot, "enter")
        assert "two exists already" in screen_text(app)
        field.value = "better"
        await press(pilot, "enter")
        await until(pilot, lambda: "better " in screen_text(app), "the new name")
        assert [run.name for run in app.shared.marked] == ["better"]
        await until(pilot, lambda: screen.chosen() and screen.chosen().run.name == "better", "the cursor")  # type: ignore[union-attr]
        run = screen.chosen().run  # type: ignore[union-attr]
        with run.open_metrics():
            await press(pilot, "R")
            shown(app, AskValue).query_one(Input).value = "third"
            await press(pilot, "enter")
            await until(pilot, lambda: list(app._notifications), "the refusal")
            assert "is being trained by" in [*app._notifications][-1].message


async def test_tags_and_a_note_are_written_shown_and_filtered_by(app: VaeTui, runs_dir: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = shown(app, RunsScreen)
        await until(pilot, lambda: len(screen.table.rows) == 2, "the rows")
        await press(pilot, "home", "T", *"a=b", "ctrl+s")
        assert "a tag has no brackets" in words(app)
        await press(pilot, "ctrl+u", *"keep", "enter")
        app.screen.query_one(TextArea).text = "best\nof all"
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: read_notes(Run(runs_dir / "two")).tags == ("keep",), "the file")
        assert read_notes(Run(runs_dir / "two")).note == "best\nof all"
        await press(pilot, "slash", *"tag=keep", "enter")
        await until(pilot, lambda: "1 of 2 runs" in screen_text(app), "the filter")


async def test_the_path_is_copied_and_a_new_run_has_the_settings_of_another(
    app: VaeTui, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: len(shown(app, RunsScreen).table.rows) == 2, "the rows")
        await press(pilot, "end", "Y")
        assert copied == [str(runs_dir / "one")]
        await press(pilot, "N")
        chosen = shown(app, NewRun).query_one(SettingsForm).chosen
        assert {
            name: chosen[name] for name in ("preset", "dataset", "seed", "learning_rate", "batch_size", "epochs")
        } == {
            "preset": "vae",
            "dataset": "mnist-5k",
            "seed": "3",
            "learning_rate": "0.01",
            "batch_size": "500",
            "epochs": "2",
        }


async def test_settings_of_the_run_before_that_are_hidden_are_counted(app: VaeTui, tmp_path: Path) -> None:
    like = make_config(preset="vae", dataset="mnist-5k", features="8,16,32,32,32", latent_channels=2)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.push_screen(NewRun(tmp_path, tmp_path, like))
        await until(pilot, lambda: "more settings: 2 not the default" in screen_text(app), "the sizes")
        app.screen.query_one("#holdout", Input).value = "many"
        await until(pilot, lambda: "more settings: 1 to correct, 2 not the default" in screen_text(app), "both")


async def test_the_log_follows_and_is_searched(app: VaeTui, runs_dir: Path) -> None:
    log = Run(runs_dir / "two").log_path
    log.write_text("".join(f"line {number} \x1b[31m{'odd' if number % 2 else 'even'}\n" for number in range(100)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: len(shown(app, RunsScreen).table.rows) == 2, "the rows")
        await press(pilot, "home", "exclamation_mark")
        await until(pilot, lambda: "line 99 odd" in screen_text(app), "the end of the log")
        with log.open("a") as file:
            file.write("one more\n")
        await until(pilot, lambda: "101 one more" in words(app), "what came")
        await press(pilot, "g")
        with log.open("a") as file:
            file.write("and more\n")
        table = shown(app, LogPane).query_one(RowTable)
        await until(pilot, lambda: len(table.rows) == 102, "what came")
        assert "line 0 even" in screen_text(app)  # it stays where its reader is
        await press(pilot, "slash", *"EVEN", "enter")
        assert "50 of 102 lines with 'EVEN'" in words(app)
        assert "odd" not in screen_text(app)
        await press(pilot, "escape")
        assert len(table.rows) == 102
        await press(pilot, "question_mark")
        assert "show lines with some words" in words(app)
        await press(pilot, "escape")
        await press(pilot, "escape")
        assert isinstance(app.screen, RunsScreen)


async def test_a_log_that_grows_while_the_app_is_held_up_lacks_no_line(app: VaeTui, runs_dir: Path) -> None:
    log, app.shared.timing = Run(runs_dir / "two").log_path, Timing(poll=0.02)
    log.write_text("line 1\n")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: len(shown(app, RunsScreen).table.rows) == 2, "the rows")
        await press(pilot, "home", "exclamation_mark")
        await until(pilot, lambda: "line 1" in screen_text(app), "the log")
        for number in range(2, 7):
            with log.open("a") as file:
                file.write(f"line {number}\n")
            time.sleep(0.1)  # in the thread of the app, which does nothing else meanwhile
        table = shown(app, LogPane).query_one(RowTable)
        await until(pilot, lambda: "line 6" in screen_text(app), "the end of the log")
        assert table.rows == [(number, f"line {number}") for number in range(1, 7)]


async def test_the_next_run_is_shown_without_the_list(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS, snapshots=None, snapshot=make_snapshot(RUNS[1]))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.shared.listed = [summary.run for summary in RUNS[:3]]
        await press(pilot, "right_parenthesis")
        assert app.selected_run == RUNS[2].run
        await press(pilot, "right_parenthesis")
        assert "this is the last run of the list" in [*app._notifications][-1].message
        await press(pilot, "left_parenthesis", "left_parenthesis")
        assert app.selected_run == RUNS[0].run


async def test_the_list_says_in_which_order_runs_follow_each_other(app: VaeTui) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: len(shown(app, RunsScreen).table.rows) == 2, "the rows")
        assert [run.name for run in app.shared.listed] == ["two", "one"]
        await press(pilot, "o")
        assert [run.name for run in app.shared.listed] == ["one", "two"]
        app.shared.listed = []
        await press(pilot, "enter", "right_parenthesis")
        await until(pilot, lambda: [run.name for run in app.shared.listed] == ["two", "one"], "the runs")
