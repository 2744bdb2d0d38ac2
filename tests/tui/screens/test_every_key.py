"""Every key of every screen, in every state that a screen can be in: none ends the app, none acts on what is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from core.errors import DamagedFile, RunError
from core.runs.catalog import RunSummary
from tests.support.explorers import FakeEvaluator, FakeExplorer, FakeExplorers
from tests.support.readers import HandFed, Pictures, Readers
from tests.support.screens import MakeApp, burst, screen_text, until
from tests.support.snapshots import OTHER, RUN, RUNS, make_run_update, make_snapshot, make_summary, run_update_of
from tui.app import VaeTui
from tui.messages import RunUpdate

GONE = RunSummary(RUN, damage="vae-mnist is gone", gone=True)
# What is pressed to get there.
SCREENS: dict[str, tuple[str, ...]] = {
    "runs": ("1",),
    "training": ("2",),
    "reconstruct": ("3",),
    "closeup": ("3", "enter"),
    "closeup-path": ("3", "enter", "t"),
    "completion": ("3", "b", "c", "enter"),
    "sample": ("4",),
    "traversal": ("4", "t"),
    "interpolation": ("4", "space", "right", "t"),
    "latent": ("5",),
    "compare-curves": ("6",),
    "compare-digits": ("6", "v"),
    "compare-samples": ("6", "v", "v"),
    "compare-latent": ("6", "v", "v", "v"),
    "compare-settings": ("6", "v", "v", "v", "v"),
    "evaluate": ("7", "enter"),
    "form": ("n",),
    "keys": ("question_mark",),
}
LEAVING = {"q", "ctrl+q", "ctrl+z", "ctrl+s"}  # the form's start is tested where it may train
ANYWHERE = ("enter", "escape", "space", "tab", "left", "right", "up", "down", "home", "end", "pageup", "pagedown")


class Scene:
    """An app with two runs whose answers, updates and files a test changes under it."""

    def __init__(self, make_app: MakeApp, updates: Readers[RunUpdate]) -> None:
        self.explorers = FakeExplorers({run: FakeExplorer(run) for run in (RUN, OTHER)})
        self.updates, self.evaluator = updates, FakeEvaluator()
        self.explorers.evaluator = self.evaluator
        updates.first = run_update_of
        self.snapshots: list[HandFed] = []  # type: ignore[type-arg]
        self.app: VaeTui = make_app(
            runs=RUNS,
            snapshot=make_snapshot(),
            explorer=self.explorers.of,
            snapshots=self._open_snapshots,
            pictures=Pictures,
            other_runs=lambda run: [other for other in (OTHER, RUN) if other != run],
        )

    def _open_snapshots(self, run: object) -> HandFed:  # type: ignore[type-arg]
        summary = run_update_of(run).summary  # type: ignore[arg-type]
        self.snapshots.append(HandFed(make_snapshot(summary)))
        return self.snapshots[-1]

    def fail(self, error: Exception | None) -> None:
        for explorer in self.explorers.values():
            explorer.fail = error
        self.evaluator.fail = error

    def tell(self, update: RunUpdate) -> None:
        self.updates.last.waiting.append(update)
        for reader in self.snapshots:
            reader.waiting.append(make_snapshot(update.summary, weights=update.weights_version))


async def nothing(scene: Scene, pilot: Pilot[None]) -> None:
    """All is well."""


async def no_run(scene: Scene, pilot: Pilot[None]) -> None:
    scene.app.selected_run = None
    await pilot.pause()


async def loading(scene: Scene, pilot: Pilot[None]) -> None:
    for explorer in scene.explorers.values():
        explorer.gate.clear()
    scene.tell(make_run_update(weights_version=7))
    await pilot.pause(0.15)


async def damaged(scene: Scene, pilot: Pilot[None]) -> None:
    scene.fail(DamagedFile(Path("model.safetensors"), "is damaged"))
    scene.tell(make_run_update(weights_version=8))
    await pilot.pause(0.15)


async def deleted(scene: Scene, pilot: Pilot[None]) -> None:
    scene.fail(RunError("vae-mnist is gone"))
    scene.tell(make_run_update(GONE, weights_version=0))
    await pilot.pause(0.15)


async def another(scene: Scene, pilot: Pilot[None]) -> None:
    """Another run is selected, and nothing is known of it yet."""
    scene.explorers[OTHER].gate.clear()
    scene.app.selected_run = OTHER
    await pilot.pause()


async def replaced(scene: Scene, pilot: Pilot[None]) -> None:
    """A learned prior of the same name took the place of the run."""
    scene.tell(make_run_update(make_summary(preset="prior"), weights_version=9))
    await pilot.pause(0.15)


State = Callable[[Scene, Pilot[None]], Awaitable[None]]


ELSEWHERE = (*"1234567", "n", "question_mark", "ctrl+p")  # the same on all screens
LAST = ("escape", "enter")


def keys_of(app: VaeTui, state: State) -> list[str]:
    """What can be pressed, and what is pressed anyway; what may leave the screen comes last."""
    left_out = LEAVING if state is nothing else {*LEAVING, *ELSEWHERE}
    keys = [key for key in dict.fromkeys([*app.screen.active_bindings, *ANYWHERE]) if key not in left_out]
    order = (*LAST, *ELSEWHERE)
    return sorted(keys, key=lambda key: order.index(key) if key in order else -1)


@pytest.mark.parametrize(
    "states", [[deleted, another], pytest.param([nothing, no_run, loading, damaged, replaced], marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.slow
async def test_every_key_of_a_screen_in_every_state(
    make_app: MakeApp,
    updates: Readers[RunUpdate],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    states: list[State],
) -> None:
    monkeypatch.chdir(tmp_path)
    for call in ("send_request", "send_learning_rate", "resume", "start"):
        monkeypatch.setattr(f"core.jobs.launch.{call}", refuse)
    for state in states:
        scene = Scene(make_app, updates)
        app = scene.app
        async with app.run_test(size=(80, 24)) as pilot:
            app.selected_run = RUN
            await burst(pilot, *SCREENS[name])
            await state(scene, pilot)
            depth = len(app.screen_stack)
            for key in keys_of(app, state):
                await hit(app, key)
                if len(app.screen_stack) > depth:
                    await hit(app, "escape")
            for explorer in scene.explorers.values():
                explorer.gate.set()
            await hit(app, "e")
            if app._exception:
                raise app._exception


def refuse(*values: object) -> None:
    raise RunError("no trainer is asked here")


async def hit(app: VaeTui, key: str) -> None:
    """Press a key and wait until it has acted, not for answers."""
    app.post_message(events.Key(key, key if len(key) == 1 else None))
    await asyncio.sleep(0)
    while app.handles_keys and not app._exception:
        await asyncio.sleep(0.001)


async def test_what_was_measured_of_a_run_that_became_unreadable_stays_with_the_reason(
    make_app: MakeApp, updates: Readers[RunUpdate], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    scene = Scene(make_app, updates)
    async with scene.app.run_test(size=(120, 40)) as pilot:
        scene.app.selected_run = RUN
        await burst(pilot, "7", "enter")
        await until(pilot, lambda: "epoch 12" in screen_text(scene.app), "the figures")
        await damaged(scene, pilot)
        await until(pilot, lambda: "is damaged" in screen_text(scene.app), "the word")
        assert "frechet" in screen_text(scene.app)
        assert "older weights" in screen_text(scene.app)
        await burst(pilot, "e")
        await until(pilot, lambda: len(scene.app.exported) == 2, "the files")
        scene.fail(None)
        scene.tell(make_run_update(weights_version=10))
        await until(pilot, lambda: "is damaged" not in screen_text(scene.app), "the end of the word")
