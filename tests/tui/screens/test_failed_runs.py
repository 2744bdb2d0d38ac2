"""A run that failed shows why, and what can be done about it."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State
from tests.support.screens import MakeApp, screen_text
from tests.support.snapshots import make_snapshot, make_summary
from tui.screens.dialogs import AskValue


@pytest.mark.parametrize(
    ("why", "error", "hints"),
    [
        ("diverged", "the loss is no longer a finite number at step 12", ("lower learning rate",)),
        ("memory", "the device is out of memory", ("once there is memory", "smaller batch")),
        (None, "something broke", ("r resumes from the last save",)),
    ],
)
async def test_the_app_shows_the_reason_and_what_can_be_done(
    make_app: MakeApp, why: str | None, error: str, hints: tuple[str, ...]
) -> None:
    summary = make_summary(state=State.FAILED, error=error, cause=why)
    app = make_app(runs=[summary], snapshot=make_snapshot(summary))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        shown = " ".join(screen_text(app).split())
        for words in (error, *hints):
            assert all(word in shown for word in words.split())


async def test_a_lower_learning_rate_is_asked_for_and_checked(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int | None, float | None]] = []

    class Started:
        def wait_until_started(self) -> None: ...

    def resumed(run: Run, epochs: int | None, learning_rate: float | None) -> Started:
        asked.append((epochs, learning_rate))
        return Started()

    monkeypatch.setattr(launch, "resume", resumed)
    summary = make_summary(state=State.FAILED, error="the loss", cause="diverged", learning_rate=0.01, saved_step=1234)
    app = make_app(runs=[summary], snapshot=make_snapshot(summary))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter", "r")
        await pilot.pause()
        assert isinstance(app.screen, AskValue)
        shown = screen_text(app)
        assert "diverged with learning rate 0.01" in shown
        assert "step 1,234" in shown
        field = app.screen.query_one(Input)
        assert field.value == "0.001"
        field.value = "nan"
        await pilot.press("enter")
        await pilot.pause()
        assert "learning rate must be" in screen_text(app)
        field.value = "2e-4"
        await pilot.press("enter")
        await app.workers.wait_for_complete()
    assert asked == [(None, 2e-4)]
