"""Another screen is there with the first drawing, and right in it."""

from __future__ import annotations

import pytest
from textual.app import App

from tests.support.screens import MakeApp, settle
from tests.support.snapshots import RUNS
from tui.screens.runs.list import RunsScreen


async def test_a_screen_that_has_the_run_is_drawn_at_once_and_laid_out_once(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(runs=RUNS)
    delays: list[float] = []
    monkeypatch.setattr(App, "delay_update", lambda app, delay=0.05: delays.append(delay))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in "2121":
            await pilot.press(key)
            await settle(pilot)
        delays.clear()
        layouts: list[object] = []
        runs = app.get_screen_stack("runs")[0]
        runs.screen_layout_refresh_signal.subscribe(runs, layouts.append, immediate=True)
        await pilot.press("2", "1")
        await settle(pilot)
        assert app.screen is runs
        assert delays == []
        assert len(layouts) == 1
        app.delay_update()  # as the command palette does
        assert len(delays) == 1
        delays.clear()
        # It would show the run before, for a moment.
        await pilot.press("down", "2")
        assert len(delays) == 1


async def test_a_screen_that_was_hidden_has_the_theme_that_was_chosen_meanwhile(make_app: MakeApp) -> None:
    app = make_app(runs=RUNS)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        runs = app.get_screen_stack("runs")[0]
        assert isinstance(runs, RunsScreen)
        before = runs.background_colors
        app.theme = "textual-light"
        await settle(pilot)
        await pilot.press("1")
        await settle(pilot)
        assert app.screen is runs
        assert runs.background_colors[1].brightness > 0.8 > before[1].brightness
