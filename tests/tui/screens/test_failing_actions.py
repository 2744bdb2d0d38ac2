"""A failure of any action is a message on the screen, and never the end of the app."""

from __future__ import annotations

import pytest
from textual.widgets import Label

from tests.support.screens import MakeApp, settle, until
from tests.support.snapshots import make_snapshot
from tui.app import VaeTui


def said(app: VaeTui) -> str:
    return " ".join(note.message for note in app._notifications)


async def test_3_whatever_an_export_raises_is_a_message(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*ignored: object, **options: object) -> None:
        raise ValueError("Key backend: 'module://x' is not a valid value")

    monkeypatch.setattr("tui.export_plots.save_curves", fail)
    app = make_app(snapshot=make_snapshot())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "unexpected ValueError: Key backend" in said(app))
        await pilot.press("m")
        await settle(pilot)
        assert app.is_running


async def test_3_whatever_an_action_raises_is_a_message(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(app: VaeTui) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(VaeTui, "action_keys", fail)
    app = make_app(snapshot=make_snapshot())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: "unexpected KeyError: 'a bug'" in said(app))
        await pilot.press("2")
        assert app.screen.query(Label)
