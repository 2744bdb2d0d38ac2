"""An app that is fed by hand, and its screen as text."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pytest
from rich.console import Console
from textual.app import App

from core.config import RunConfig
from core.metrics import EPOCH_COLUMNS, STEP_COLUMNS
from core.run import Run
from core.status import DeviceLoad, State, Status
from core.summary import RunSummary
from tui.app import Sources, VaeTui
from tui.feed import Snapshot
from tui.preview import Preview

News = TypeVar("News")


class HandFed(Generic[News]):
    """A reader that hands on what a test puts in."""

    def __init__(self, *news: News) -> None:
        self.waiting = list(news)

    def poll(self) -> News | None:
        return self.waiting.pop(0) if self.waiting else None


class Pictures:
    """Gives the same rings over and over, or a message."""

    def __init__(self, run: Run, message: str = "") -> None:
        self.run, self.message, self.reads = run, message, 0

    def read(self) -> Preview:
        self.reads += 1
        if self.message:
            return Preview(self.run, message=self.message)
        y, x = np.mgrid[-1:1:28j, -1:1:28j]
        radius = np.hypot(x, y)
        rings = np.stack([np.abs(radius - 0.3 - number / 20) < 0.15 for number in range(10)]).astype(np.float32)
        return Preview(self.run, rings, rings / 2)


def make_summary(name: str = "vae-mnist", state: State = State.RUNNING, **news: Any) -> RunSummary:
    """A run in the middle of its third epoch of ten."""
    status = Status(
        state=state,
        pid=4711,
        host="gpu-box",
        activity="training" if state is State.RUNNING else "",
        epoch=2,
        epochs=10,
        step=1172,
        steps_per_epoch=469,
        images_per_second=2400,
        device="cuda:0",
        device_name="NVIDIA H100",
        device_load=DeviceLoad(utilisation=93, memory_used=1_200_000_000, memory_total=85_000_000_000),
        error=news.pop("error", None),
    )
    values: dict[str, Any] = {
        "config": RunConfig(preset=news.pop("preset", "vae"), dataset="mnist", epochs=10, created="2026-01-02"),
        "status": status,
        "state": state,
        "train_loss": 42.125,
        "val_loss": 40.5,
        "changed": time.time() - 3 * 3600,
    }
    return RunSummary(Run(Path("checkpoints") / name), **(values | news))


def make_snapshot(summary: RunSummary | None = None, *, steps: int = 60, weights: int = 1) -> Snapshot:
    """Curves that fall, with two validations."""
    step = np.linspace(1172 / max(steps, 1), 1172, steps)
    parts = {"reconstruction": 30 + 300 * np.exp(-step / 200), "kl": 12 - 6 * np.exp(-step / 300)}
    values = parts | {"step": step, "loss": parts["reconstruction"] + parts["kl"], "time": step / 18.75}
    values["images_per_second"] = np.full(steps, 2400.0)
    epochs = {"step": np.array([469.0, 938.0])}
    for part, ends in (("loss", (60, 40.5)), ("reconstruction", (50, 29.5)), ("kl", (10, 11))):
        epochs[f"val_{part}"] = np.array(ends, dtype=np.float64)
    return Snapshot(
        summary or make_summary(),
        {name: values.get(name, np.zeros(steps)) for name in STEP_COLUMNS},
        {name: epochs.get(name, np.zeros(2)) for name in EPOCH_COLUMNS}
        if steps
        else dict.fromkeys(EPOCH_COLUMNS, step),
        weights,
    )


@pytest.fixture(autouse=True)
def sixteen_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 256 colours pictures are shades, which a snapshot of the text shows."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., VaeTui]:
    """An app that shows what it is given; its runs folder is empty."""

    def make(
        runs: list[RunSummary] | None = None,
        snapshot: Snapshot | None = None,
        pictures: Callable[[Run], Pictures] = Pictures,
    ) -> VaeTui:
        sources = Sources(
            runs=lambda: HandFed([make_summary()] if runs is None else runs),
            run=lambda run: HandFed(snapshot or make_snapshot()),
            pictures=pictures,
        )
        chosen = snapshot.run if snapshot else None
        return VaeTui(tmp_path / "checkpoints", Path("/data"), chosen, sources)

    return make


def screen_text(app: App[Any]) -> str:
    """What the terminal shows, without colours."""
    width, height = app.size
    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(app.screen._compositor.render_update(full=True, screen_stack=app._background_screens))
    return "\n".join(line.rstrip() for line in console.export_text(styles=False).splitlines())
