"""A run that is deleted, renamed, replaced or made unreadable while it is looked at: said as it is, and recovered."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from core.explorer.session import RunSession
from core.runs.config import make_config
from core.runs.run import Run
from tests.conftest import cut_digits, make_trained_run
from tests.support.screens import make_real_app, screen_text, until
from tui.app import VaeTui
from tui.screens.selection import Timing

FAST = Timing(poll=0.05, retry=0.1)
SHOWN = {"2": "0.003", "3": "class, error", "4": "samples", "5": "LDA of validation", "7": "frechet floor"}
GONE = "is gone: it was deleted, moved or renamed"


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    few = cut_digits(300, 100)
    monkeypatch.setattr("core.data.images.load_image_set", lambda name, place=None: few)


def words(app: VaeTui) -> str:
    return " ".join(screen_text(app).split())


@pytest.mark.parametrize("key", "23457")
async def test_a_run_that_is_gone_is_said_to_be_and_comes_back(tmp_path: Path, key: str) -> None:
    run = make_trained_run(tmp_path, "vae")
    aside = tmp_path / "aside"
    app = make_real_app(tmp_path, FAST)
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = run
        await pilot.press(key)
        await until(pilot, lambda: SHOWN[key] in words(app), "the content", 60)
        run.path.rename(aside)
        await until(pilot, lambda: GONE in words(app) and "! gone" in words(app), "the word")
        assert "no weights yet" not in words(app)
        await pilot.press("e", ">", "z", "space")
        aside.rename(run.path)
        await until(pilot, lambda: GONE not in words(app) and SHOWN[key] in words(app), "the content again", 60)


@pytest.mark.parametrize("key", "345")
async def test_a_run_that_cannot_be_read_is_said_to_be_and_comes_back(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_trained_run(tmp_path, "vae")
    closed = False
    read = Run.read_weights

    def refuse(run: Run, **which: Any) -> bytes:
        if closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(run.weights_path()))
        return read(run, **which)

    monkeypatch.setattr(Run, "read_weights", refuse)
    app = make_real_app(tmp_path, FAST)
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = run
        closed = True
        await pilot.press(key)
        await until(pilot, lambda: "Permission denied" in words(app), "the word", 60)
        assert "no weights yet" not in words(app)
        closed = False  # and no file looks as if it had changed
        await until(pilot, lambda: SHOWN[key] in words(app), "the content", 60)


@pytest.mark.parametrize("key", "2347")
async def test_another_run_of_the_same_name_is_shown_as_what_it_is(tmp_path: Path, key: str) -> None:
    run = make_trained_run(tmp_path, "vae")
    app = make_real_app(tmp_path, FAST)
    async with app.run_test(size=(120, 40)) as pilot:
        app.selected_run = run
        await pilot.press(key)
        await until(pilot, lambda: SHOWN[key] in words(app), "the content", 60)
        if key == "4":
            await pilot.press("z", "z", "z")
        run.path.rename(tmp_path / "aside")
        (tmp_path / "elsewhere").mkdir()
        other = make_trained_run(tmp_path / "elsewhere", "ae")
        other.path.rename(run.path)
        expected = {"2": "ae on", "3": "class, error", "4": "a Gaussian for each latent number", "7": "gaussian ±"}
        await until(pilot, lambda: expected[key] in words(app) and "gone" not in words(app), "the other run", 60)
        if key != "2":
            assert "prior N(0, I)" not in words(app)


def test_weights_that_are_missing_are_not_said_to_be_on_their_way(tmp_path: Path) -> None:
    run = make_trained_run(tmp_path, "vae")
    run.write_status(run.status().updated(saved_step=7))
    run.weights_path().unlink()
    with pytest.raises(Exception, match=r"has no weights: model\.safetensors is missing"):
        run.read_weights()
    fresh = Run.create(tmp_path, "fresh", make_config(dataset="mnist-5k"))
    with pytest.raises(Exception, match="has no weights yet"):
        fresh.read_weights()


def test_a_session_tells_a_run_that_is_gone_from_one_without_weights(tmp_path: Path) -> None:
    run = make_trained_run(tmp_path, "vae")
    session = RunSession(run, tmp_path)
    with session.newest(print):
        pass
    run.path.rename(tmp_path / "aside")
    with pytest.raises(Exception, match=GONE), session.newest(print):
        pass
    (tmp_path / "aside").rename(run.path)
    with session.newest(print):
        pass
