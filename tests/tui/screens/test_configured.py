"""The app as its user set it: theme, keys, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.screens import MakeApp, press, screen_text, settle, until
from tests.support.snapshots import RUNS, make_snapshot
from tui.app import VaeTui
from tui.configuration.configuration import Configuration
from tui.screens.help.key_ids import is_key, problems_of_keys
from tui.terminal.themes import ANSI


def said(app: VaeTui) -> list[str]:
    return [note.message for note in app._notifications]


def configured(make_app: MakeApp, path: Path, text: str) -> VaeTui:
    path.write_text(text)
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    app.configure(Configuration(path))
    return app


async def test_keys_are_rebound_by_their_ids_and_what_they_did_is_said(make_app: MakeApp, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    app = configured(make_app, path, "[keys]\n'app.latent' = 'f5,L'\n'runs.all' = 'd'\n'app.latnet' = 'ctrl+plop'")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "1")
        await settle(pilot)
        await until(pilot, lambda: len(said(app)) >= 3, "the words")
        assert sorted(said(app)) == [
            "config.toml: d no longer does: delete the run, or all marked: move it to the trash (asks)",
            "config.toml: keys.app.latnet: 'ctrl+plop' is no key; right are such as K, ctrl+k, f5",
            "config.toml: keys.app.latnet: there is no such action; did you mean app.latent?",
        ]
        await press(pilot, "d")
        assert len(app.shared.marked) == len(RUNS)
        await press(pilot, "5")
        assert app.current_mode != "latent"
        await press(pilot, "f5")
        assert app.current_mode == "latent"
        await press(pilot, "question_mark")
        await press(pilot, "end")  # where the keys of the whole app stand
        assert "f5" in screen_text(app)


@pytest.mark.parametrize("key", ["k", "K", "+", "ctrl+k", "shift+left", "f12", "question_mark", "tilde"])
def test_keys_are_known_by_their_names(key: str) -> None:
    assert is_key(key)


def test_a_key_that_does_the_same_already_takes_nothing_from_another() -> None:
    assert [*problems_of_keys({"run.pause": "B", "app.quit": "ctrl+q,Q"})] == []  # Textual's own key


def test_ids_of_screens_that_were_not_seen_are_known() -> None:
    assert [*problems_of_keys({"sample.walk": "T", "chart.scale": "Y", "value.cancel": "f2"})] == []


async def test_a_theme_is_taken_kept_and_one_that_there_is_not_is_said(make_app: MakeApp, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    app = configured(make_app, path, "theme = 'colour-blind'")
    async with app.run_test() as pilot:
        assert app.theme == "colour-blind"
        assert app.ansi_theme is ANSI
        app.theme = "textual-light"
        await until(pilot, lambda: "textual-light" in path.read_text(), "the file")
        assert app.ansi_theme is not ANSI
    app = configured(make_app, path, "theme = 'no such'")
    async with app.run_test() as pilot:
        assert app.theme == "textual-dark"
        assert said(app) == ["config.toml: theme must be a theme (ctrl+p lists them), not 'no such'"]
        await press(pilot, "4", "1")
    app.shared.configuration.write()
    assert "theme = 'no such'" in path.read_text()  # its user's to correct


async def test_what_cannot_be_kept_is_said_once(make_app: MakeApp, tmp_path: Path) -> None:
    taken = tmp_path / "a-file"
    taken.write_text("")
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    app.configure(Configuration(taken / "config.toml"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        before = len(said(app))
        await press(pilot, "2", "x", "x", "y")
        await until(pilot, lambda: len(said(app)) > before, "the word")
        await pilot.pause(0.05)
        assert len(said(app)) == before + 1
        assert "a-file" in said(app)[-1] or "Not a directory" in said(app)[-1]


async def test_a_run_opens_on_the_screen_that_was_looked_at_last(make_app: MakeApp, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    app = configured(make_app, path, "")
    async with app.run_test() as pilot:
        assert app.current_mode == "training"
        await press(pilot, "4", "1")
    app.shared.configuration.write()
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    app.configure(Configuration(path))
    async with app.run_test():
        assert app.current_mode == "sample"
