"""Driving the app in tests, and its screen as text."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from rich.console import Console
from textual import events
from textual.app import App
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Label

from core.explorer.opened import OpenRuns
from core.explorer.protocol import Explorer, Report
from core.runs.catalog import RunSummary
from core.runs.run import Run
from tests.support.explorers import FakeEvaluator
from tests.support.readers import HandFed, Pictures
from tests.support.snapshots import RUN
from tui.app import VaeTui
from tui.background.polling import Reader
from tui.messages import Moments, Snapshot
from tui.screens.explore_base import ExploreScreen
from tui.screens.moments.screen import TimeScreen
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.training import TrainingScreen
from tui.screens.selection import Timing
from tui.screens.sources import sources_of

OfScreen = TypeVar("OfScreen", bound=Screen[Any])


class MakeApp(Protocol):
    """Makes an app that shows what it is given; its runs folder is empty."""

    def __call__(
        self,
        *,
        runs: list[RunSummary] | None = None,
        snapshot: Snapshot | None = None,
        pictures: Callable[[Run], Pictures] = Pictures,
        explorer: Callable[[Run, Report], Explorer] | None = None,
        snapshots: Callable[[Run], HandFed[Snapshot]] | None = None,
        evaluator: FakeEvaluator | None = None,
        other_runs: Callable[[Run], list[Run]] | None = None,
        timing: Timing | None = None,
        moments: Callable[[Run], Reader[Moments]] | None = None,
    ) -> VaeTui: ...


def make_real_app(runs_dir: Path, timing: Timing | None = None) -> VaeTui:
    """The app on real runs, looked into in this process, where a test can put something else in place of a part."""
    sources = sources_of(runs_dir, OpenRuns(runs_dir).of)
    return VaeTui(runs_dir, runs_dir, sources=sources, timing=timing or Timing())


async def until(pilot: Pilot[None], condition: Callable[[], object], what: str = "it", seconds: float = 10) -> None:
    """Wait for something to become true, and fail when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s; shown is\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the list or the training screen, be it behind a dialog, shows what its readers and workers give."""
    app = pilot.app
    await until(pilot, lambda: all(worker.is_finished for worker in app.workers), "the end of all workers")
    await until(pilot, lambda: has_news(app.screen_stack[0]), "the first news")
    await until(pilot, lambda: all(worker.is_finished for worker in app.workers), "the end of all workers")
    await pilot.pause()


def has_news(screen: Screen[Any]) -> bool:
    """Whether what a screen follows was heard of."""
    if isinstance(screen, RunsScreen):
        return screen.query_one("#empty", Label).content != "looking for runs"
    if isinstance(screen, TrainingScreen) and screen.selected_run is not None:
        return screen.snapshot is not None and bool(screen.preview or not screen.snapshot.weights_version)
    return True


async def answered(pilot: Pilot[None]) -> None:
    """Let the screen that looks into a run hear of it, and show the answers to all that it asks."""
    quiet = 0
    while quiet < 2:  # an answer may lead to a question, and a refresh too
        screen = pilot.app.screen
        await pilot.pause()
        if isinstance(screen, ExploreScreen) and screen.selected_run is not None:
            await until(pilot, partial(getattr, screen, "run_update"), "an update")
            if isinstance(screen, TimeScreen):
                await until(pilot, partial(getattr, screen, "knows_moments"), "the moments")
            quiet = 0 if screen.is_busy else quiet + 1
        else:
            quiet += 1


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, each after what the one before asked for is shown."""
    for key in keys:
        await pilot.press(key)
        await answered(pilot)


async def burst(pilot: Pilot[None], *keys: str) -> None:
    """Send keys all at once, as a slow connection does, and wait until the last one has acted."""
    app = pilot.app
    assert isinstance(app, VaeTui)
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
        app.post_message(events.Key(name, key if len(key) == 1 else None))
    await pilot.pause()
    await until(pilot, lambda: not app.handles_keys, "the keys")
    await answered(pilot)


def screen_text(app: App[Any]) -> str:
    """What the terminal shows, without colours."""
    width, height = app.size
    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(app.screen._compositor.render_update(full=True, screen_stack=app._background_screens))
    return "\n".join(line.rstrip() for line in console.export_text(styles=False).splitlines())


async def feed(pilot: Pilot[None], reader: HandFed[Any], news: object) -> None:
    """Have a reader hand this on, and let the screen show what comes of it."""
    polls = reader.polls
    reader.waiting.append(news)
    # The poll after next begins when this news was handed on.
    await until(pilot, lambda: not reader.waiting and reader.polls >= polls + 2, "the polls")
    await answered(pilot)


@asynccontextmanager
async def opened(app: VaeTui, *keys: str, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """The app, which shows a run, after these keys."""
    async with app.run_test(size=size) as pilot:
        app.selected_run = RUN
        await press(pilot, *keys)
        yield pilot


def shown(app: VaeTui, screen: type[OfScreen]) -> OfScreen:
    """The screen that is shown, which must be of this kind."""
    assert isinstance(app.screen, screen)
    return app.screen
