"""The app: its screens, on every terminal and at every size."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from textual.timer import Timer

from tests.support.screens import MakeApp, burst, screen_text, settle, until
from tests.support.snapshots import RUNS, make_snapshot
from tui.screens.compare.screen import CompareScreen
from tui.screens.help.keys import Keys
from tui.screens.inspect.evaluate import EvaluateScreen
from tui.screens.inspect.latent import LatentScreen
from tui.screens.inspect.reconstruct import ReconstructScreen
from tui.screens.inspect.sample import SampleScreen
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.training import TrainingScreen


async def test_digits_switch_between_the_screens_that_work(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("down", "2")
        assert isinstance(app.screen, TrainingScreen)
        assert app.selected_run == RUNS[1].run
        screens = {
            "3": ReconstructScreen,
            "4": SampleScreen,
            "5": LatentScreen,
            "6": CompareScreen,
            "7": EvaluateScreen,
        }
        for key, screen in screens.items():
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, screen)
            assert app.selected_run == RUNS[1].run
        await pilot.press("8")
        assert isinstance(app.screen, EvaluateScreen)
        await pilot.press("1")
        assert isinstance(app.screen, RunsScreen)


async def test_the_command_palette_lists_what_keys_do_and_does_it(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await pilot.press("down", "ctrl+p")
        await until(pilot, lambda: "screen 4: new digits" in screen_text(app), "the commands")
        listed = screen_text(app)
        for words in (
            "fill in the form of a new run",
            "show how the run trains",
            "explain the keys",
            "move it to the trash",
        ):
            assert words in listed
        assert "Show help for the focused widget" not in listed
        await pilot.press(*"latent space")
        await until(pilot, lambda: "new digits" not in screen_text(app), "what was found")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LatentScreen), "the screen")
        assert app.selected_run == RUNS[1].run
        await pilot.press("1", "ctrl+p", *"explain the keys", "enter")
        await until(pilot, lambda: isinstance(app.screen, Keys), "the keys")
        await pilot.press("escape")
        assert isinstance(app.screen, RunsScreen)


@pytest.mark.parametrize("keys", [(), ("n",), ("question_mark",), ("4",), ("4", "number_sign")])
async def test_ctrl_c_names_the_key_that_leaves(make_app: MakeApp, keys: tuple[str, ...]) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        await burst(pilot, *keys)
        app.action_help_quit()
        await until(pilot, lambda: list(app._notifications), "the word")
        (note,) = app._notifications
        assert note.message.startswith("q leaves the app")


@pytest.mark.parametrize("keys", [(), ("n",), ("question_mark",), ("4", "number_sign")])
async def test_ctrl_z_suspends_wherever_it_is_pressed(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    suspended: list[bool] = []
    app = make_app(runs=RUNS)
    monkeypatch.setattr(app, "action_suspend_process", lambda: suspended.append(True))
    async with app.run_test() as pilot:
        await settle(pilot)
        await burst(pilot, *keys, "ctrl+z")
        assert suspended == [True]


async def test_a_change_of_screens_does_not_hold_back_what_is_shown(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test() as pilot:
        await settle(pilot)
        delays: list[float] = []
        set_timer = app.set_timer

        def watched(delay: float, *rest: Any, **names: Any) -> Timer:
            delays.append(delay)
            return set_timer(delay, *rest, **names)

        monkeypatch.setattr(app, "set_timer", watched)
        await pilot.press("1")
        await settle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert max(delays) < 0.01


async def test_a_terminal_that_knows_ascii_only_is_shown_nothing_else(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for key in ("1", "n", "escape", "2", "question_mark", "escape", *"34567"):
            await pilot.press(key)
            await settle(pilot)
            shown = screen_text(app)
            assert shown.isascii(), [letter for letter in shown if not letter.isascii()]


@pytest.mark.parametrize(
    "variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "screen"}, {"COLORTERM": "truecolor"}]
)
async def test_every_screen_draws_on_every_terminal(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys in ("1", "n", "escape", "2", "question_mark", "escape", "s", "n", "m", "l"):
            await pilot.press(keys)
            await pilot.pause()
            assert any(name in screen_text(app) for name in ("1 runs", "2 training"))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 5), (1, 1), (300, 100)])
async def test_every_screen_survives_any_size(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app(runs=RUNS, snapshot=make_snapshot())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for key in ("2", "1", "n", "escape", "question_mark", "escape"):
            await pilot.press(key)
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await pilot.resize_terminal(80, 24)
            await pilot.pause()


async def test_garbage_is_collected_by_the_clock(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.app.LOOK_SECONDS", 0.01)
    for name in ("FULL_SECONDS", "REST_SECONDS"):
        monkeypatch.setattr(f"tui.background.garbage.{name}", 0.01)
    looked_at: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        looked_at.append(info["generation"])

    app = make_app(runs=RUNS)
    async with app.run_test() as pilot:
        await settle(pilot)
        gc.callbacks.append(note)
        try:
            for _ in range(100):
                await pilot.pause(0.05)
                if looked_at.count(2) > 2:
                    break
        finally:
            gc.callbacks.remove(note)
    assert looked_at.count(2) > 2
