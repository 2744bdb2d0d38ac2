"""The package is upgraded, or its environment removed, under trainers: what they need they have loaded."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core import program
from core.runs.run import Run
from core.runs.status import State

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

# A trainer of another installation, to whom nothing more can be imported once a file is there; what it tries is noted.
TRAINER = """
import os, runpy, sys
gone, tried, package = sys.argv[1:4]

class Gone:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if os.path.exists(gone):
            with open(tried, "a") as file:
                print(name, file=file)
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Gone)
sys.path.insert(0, package)
sys.argv[1:4] = []
runpy.run_module("core.worker", run_name="__main__", alter_sys=True)
"""


def copy_of_the_package(place: Path) -> Path:
    for name in ("core", "tui"):
        shutil.copytree(program.START.parent / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.mark.timeout(400)
@pytest.mark.parametrize("preset", ["vae", pytest.param("prior", marks=pytest.mark.slow)])
def test_a_trainer_goes_on_when_the_package_and_its_environment_are_removed(
    preset: str, make_run: MakeRun, tmp_path: Path, wait_until: WaitUntil
) -> None:
    run = make_run(preset=preset, epochs=2, measure_every=2, validate_every=1)
    package, gone, tried = copy_of_the_package(tmp_path / "package"), tmp_path / "gone", tmp_path / "tried"
    paths = map(str, (gone, tried, package, run.path))
    words = [sys.executable, "-P", "-c", TRAINER, *paths, "--on-finish", f"echo ended > {gone}"]
    with run.log_path.open("w") as log:
        trainer = subprocess.Popen(words, stdout=log, stderr=log, cwd="/")
    try:
        wait_until(lambda: trainer.poll() is not None or run.status().step >= 1, what="the first step")
        gone.touch()
        shutil.rmtree(package)
        os.kill(trainer.pid, signal.SIGUSR1)  # save now
        assert trainer.wait(300) == 0, run.log_path.read_text()
    finally:
        trainer.kill()
    assert not tried.exists(), tried.read_text()
    assert run.state() is State.FINISHED
    assert run.status().saved_step == run.status().step
    assert gone.read_text() == "ended\n"
    last = json.loads(run.metrics_path.read_text().splitlines()[-1])
    assert last["kind"] == "epoch"
    assert last["val_loss"] > 0
    assert last["frechet"] > 0
