"""What the plane says while it is computed, and what a key costs there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual._compositor import Compositor

from tests.support.explorers import FakeExplorer
from tests.support.screens import opened, press, screen_text, until
from tui.app import VaeTui
from tui.terminal.filters import ControlCharacterFilter


async def test_a_key_lays_nothing_out_again_and_goes_over_no_line_that_stays(
    app: VaeTui, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []

    def counted(what: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            work.append(what)
            return method(*given)

        return call

    monkeypatch.setattr(Compositor, "reflow", counted("layout", Compositor.reflow))
    monkeypatch.setattr(ControlCharacterFilter, "apply", counted("line", ControlCharacterFilter.apply))
    async with opened(app, "5", "left", size=(120, 40)) as pilot:
        work.clear()
        await press(pilot, "left")
        assert "layout" not in work
        assert 0 < len(work) < 40
        await press(pilot, "b", "left")
        work.clear()
        await press(pilot, "right")
        assert "layout" not in work
        assert 0 < len(work) < 10


async def test_what_is_explained_is_said_to_be_on_its_way_until_it_is_seen(app: VaeTui, explorer: FakeExplorer) -> None:
    async with opened(app, "5", "v", size=(120, 40)) as pilot:
        await press(pilot, "X")
        assert "still being computed" not in screen_text(app)
        await press(pilot, "escape")
        explorer.gate.clear()
        await pilot.press("v", "X")
        await until(pilot, lambda: "still being computed" in screen_text(app), "the word")
        assert "the aggregate posterior, and the prior" in screen_text(app)
        explorer.gate.set()
        await until(pilot, lambda: "still being computed" not in screen_text(app), "what is seen")
        assert "10% latents" in screen_text(app)
