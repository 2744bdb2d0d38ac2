"""Runs as readers show them, without any files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from core.runs.catalog import RunSummary
from core.runs.config import RunConfig, defaults
from core.runs.metrics.lines import EPOCH_COLUMNS, KL_CHANNELS, STEP_COLUMNS
from core.runs.run import Run
from core.runs.status import DeviceLoad, State, Status
from tui.messages import RunUpdate, Snapshot


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
        **{field: news.pop(field) for field in ("error", "cause", "learning_rate", "saved_step") if field in news},
    )
    chosen = {"preset": news.pop("preset", "vae"), "dynamics": news.pop("dynamics", "flow"), "epochs": 10}
    values: dict[str, Any] = {
        "config": RunConfig(**defaults(chosen) | chosen | {"dataset": "mnist", "created": "2026-01-02"}),
        "status": status,
        "state": state,
        "train_loss": 42.125,
        "val_loss": 40.5,
        "validation": (2, 40.5),
        "changed": time.time() - 3 * 3600,
    }
    return RunSummary(Run(Path("checkpoints") / name), **(values | news))


def make_snapshot(
    summary: RunSummary | None = None,
    *,
    steps: int = 60,
    weights: int = 1,
    distances: tuple[float, float] | None = None,
) -> Snapshot:
    """Curves that fall, with two validations, and two measurements of samples where they are given."""
    step = np.linspace(1172 / max(steps, 1), 1172, steps)
    parts = {"reconstruction": 30 + 300 * np.exp(-step / 200), "kl": 12 - 6 * np.exp(-step / 300)}
    values = parts | {"step": step, "loss": parts["reconstruction"] + parts["kl"], "time": step / 18.75}
    values["images_per_second"] = np.full(steps, 2400.0)
    values["gradient_norm"] = np.full(steps, np.nan)  # as of an older version
    epochs = {
        **dict.fromkeys(("active_units", *KL_CHANNELS), np.full(2, np.nan)),
        "epoch": np.array([1.0, 2.0]),
        "step": np.array([469.0, 938.0]),
        "frechet": np.array(distances or (np.nan, np.nan)),
    }
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


def make_run_update(summary: RunSummary | None = None, weights_version: int = 1) -> RunUpdate:
    """A run whose newest weights are number `weights_version`."""
    return RunUpdate(summary or make_summary(), weights_version)


RUN, OTHER = (Run(Path("checkpoints") / name) for name in ("vae-mnist", "ae-mnist"))


def run_update_of(run: Run) -> RunUpdate:
    """The other run is an autoencoder."""
    return make_run_update(make_summary(run.name, preset="ae" if run == OTHER else "vae"))


def snapshot_of(run: Run) -> Snapshot:
    """The other run is an autoencoder."""
    return make_snapshot(run_update_of(run).summary)


# One in each state that a list can show.
RUNS = [
    make_summary("vae-mnist"),
    make_summary("ae-mnist", State.PAUSED, preset="ae"),
    make_summary("vae-post-mnist", State.FINISHED, preset="vae-post"),
    make_summary("vae-2", State.FAILED, error="the loss is no longer a finite number at step 7"),
    make_summary("vae-3", State.LOST),
    make_summary("broken", damage="config.json: is not a JSON object", config=None, status=None),
]
