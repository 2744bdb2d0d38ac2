"""What the tests of faults share."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.config import make_config
from core.runs.run import Run
from core.runs.status import State, Status
from tests.conftest import make_trained_run


@pytest.fixture
def chance() -> random.Random:
    """A generator whose seed a failing test shows; KILL_SEED sets it."""
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(2**32))
    print(f"to see it again: KILL_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for files that nobody should read carelessly, gone before anybody does."""
    place = tmp_path_factory.mktemp("hostile")
    yield place
    shutil.rmtree(place)


@pytest.fixture
def run(place: Path) -> Run:
    """A run that has every file."""
    run = make_trained_run(place / "runs", "vae")
    run.write_weights(run.read_weights(), best=True)
    run.write_status(Status(state=State.STOPPED, epochs=400, epoch=1, step=35, steps_per_epoch=35))
    run.requests.replace_last("save")
    run.write_state(b"not looked at before it is resumed")
    with run.open_metrics() as log:
        log.append({"kind": "epoch", "epoch": 1, "step": 35, "time": 1.0, "train_loss": 3.5, "val_loss": 4.5})
    run.log_path.write_text("2026-01-02T03:04:05 stopped: SIGTERM\n")
    return run


@pytest.fixture
def neighbour(place: Path) -> Run:
    """A run that nobody touched."""
    return Run.create(place / "runs", "neighbour", make_config(dataset="mnist-5k", device="cpu"))
