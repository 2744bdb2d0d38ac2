"""Questions and the list of keys."""

from __future__ import annotations

from pathlib import Path

import pytest
import textual
from packaging.version import Version
from syrupy.assertion import SnapshotAssertion
from textual.widgets import OptionList

from core.runs.run import Run
from tests.support.screens import MakeApp, screen_text, settle
from tests.support.snapshots import make_snapshot
from tui.screens.dialogs import ChooseRun
from tui.screens.help.keys import Keys
from tui.screens.runs.training import TrainingScreen


@pytest.mark.skipif(Version(textual.__version__) < Version("8.2"), reason="another width of the names of keys")
async def test_every_key_is_listed(make_app: MakeApp, snapshot: SnapshotAssertion) -> None:
    app = make_app(snapshot=make_snapshot())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, Keys)
        await settle(pilot)
        assert screen_text(app) == snapshot
        await pilot.press("escape")
        assert isinstance(app.screen, TrainingScreen)


@pytest.mark.parametrize("key", ["pageup", "pagedown"])
async def test_page_keys_do_no_harm_where_a_run_is_chosen_without_room(make_app: MakeApp, key: str) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(ChooseRun("which?", [Run(Path("a")), Run(Path("b"))]))
        await pilot.pause()
        choices = app.screen.query_one(OptionList)
        choices.highlighted, choices.styles.height, choices.styles.border = 1, 0, None
        await pilot.pause()
        choices._clear_caches()
        await pilot.press(key)
        await pilot.press("up", "enter")
        assert not isinstance(app.screen, ChooseRun)
