"""What tests share: small runs, and processes that never outlive their test."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from core.data.images import ImageSet
from core.errors import DamagedFile
from core.runs.config import make_config
from core.runs.first_stage import first_stage_settings
from core.runs.run import Run
from core.runs.status import is_same_process

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"

# Small batches train no faster on more cores, and the tests share them.
os.environ["OMP_NUM_THREADS"] = "1"
# What they train tells nobody how fast this machine is, nor is what it was known to be of any use to them.
STATE = tempfile.mkdtemp(prefix="vae-tui-state-")
os.environ["XDG_STATE_HOME"] = STATE
atexit.register(shutil.rmtree, STATE, ignore_errors=True)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set of six batches."""
    from tests.support.trainers import write_few_digits

    return write_few_digits(tmp_path_factory.mktemp("few-digits"))


@pytest.fixture
def make_small_run(make_run: Callable[..., Run], few_digits: Path) -> Callable[..., Run]:
    """Makes a run of six steps an epoch."""
    from tests.support.trainers import SMALL

    def make(name: str = "a-run", **values: object) -> Run:
        return make_run(name, **(SMALL | {"data_dir": str(few_digits), "preset": "ae", "epochs": 4} | values))

    return make


@pytest.fixture
def make_run(runs_dir: Path) -> Callable[..., Run]:
    """Makes a small run on the digits that need no network."""

    def make(name: str = "a-run", **values: object) -> Run:
        defaults: dict[str, object] = {"dataset": "mnist-5k", "epochs": 2, "batch_size": 500, "device": "cpu"}
        weights = None
        if values.get("preset") == "prior":
            first = Run(CHECKPOINTS / "ae-mnist")
            defaults = first_stage_settings(first) | defaults
            weights = first.read_weights()
        return Run.create(runs_dir, name, make_config(**(defaults | values)), weights)

    return make


def cut_digits(training: int, validation: int) -> ImageSet:
    """So many of the digits that need no network."""
    from core.data.images import load_image_set

    whole = load_image_set("mnist-5k")
    parts = {
        part: images[: validation if part.startswith("validation") else training]
        for part, images in vars(whole).items()
        if part != "name"
    }
    return replace(whole, **parts)


def make_trained_run(runs_dir: Path, preset: str) -> Run:
    """A run of a preset on the digits that need no network, with the weights of the shipped run of that preset."""
    run = Run.create(runs_dir, preset, make_config(preset=preset, dataset="mnist-5k", device="cpu"))
    run.write_weights(Run(CHECKPOINTS / f"{preset}-mnist").read_weights())
    return run


@pytest.fixture(autouse=True)
def no_trainer_survives(tmp_path: Path) -> Iterator[None]:
    """Ends every trainer of this test's runs."""
    yield
    for status_file in tmp_path.rglob("status.json"):
        with suppress(DamagedFile, OSError):
            status = Run(status_file.parent).status()
            if not status.state.active or status.pid in (None, os.getpid()):
                continue
            if is_same_process(status.pid, status.process_started):
                os.kill(status.pid, signal.SIGKILL)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits for something to become true, and fails when it does not."""

    def wait(condition: Callable[[], object], seconds: float = 60.0, what: str = "it") -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not happen within {seconds:g} s")
            time.sleep(0.02)

    return wait
