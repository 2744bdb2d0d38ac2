"""Opening screen 7 in tests, and reading its table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.support.screens import press, screen_text
from tests.support.snapshots import RUN
from tui.app import VaeTui


@asynccontextmanager
async def opened(app: VaeTui, *keys: str, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """The app with the screen of a run, after these keys."""
    async with app.run_test(size=size) as pilot:
        app.selected_run = RUN
        await press(pilot, "7", *keys)
        yield pilot


def row(app: VaeTui, figure: str) -> list[str]:
    """What a line of the table shows behind the name of its figure."""
    line = next(line for line in screen_text(app).splitlines() if line.startswith(f" {figure} "))
    return line.removeprefix(f" {figure} ").lstrip("↓↑v^ ").split()
