"""Limits that a shell sets: memory that a process may not have, and output that nobody reads any more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State
from tests.conftest import CHECKPOINTS
from tests.support.machines import ROOT

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]
VAE_TUI = f"{sys.executable} -m tui"


def shell(script: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(["sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "command", ["train --preset ae --dataset mnist-5k --epochs 1 --device cpu", "sample ae-mnist --count 1"]
)
def test_14_a_process_that_may_not_have_the_memory_says_so_in_one_line(command: str, tmp_path: Path) -> None:
    runs_dir = tmp_path if command.startswith("train") else CHECKPOINTS
    done = shell(f"ulimit -v 1500000; {VAE_TUI} {command} --runs-dir {runs_dir}")
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert "not enough memory: ulimit -v allows 1.5 GB" in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("errors", ["", "2>&1"])
def test_14_what_goes_on_when_nobody_reads_the_output_is_named(
    errors: str, make_small_run: MakeRun, wait_until: WaitUntil
) -> None:
    run = make_small_run(epochs=100_000, validate_every=1000)
    done = shell(f"{VAE_TUI} resume {run.name} --runs-dir {run.path.parent} {errors} | grep -m 1 ^training")
    assert done.stdout == f"training {run.name} in {run.path}\n"
    assert run.state() is State.RUNNING
    if not errors:
        assert done.stderr == (
            f"vae-tui: {run.name} trains on in process {run.status().pid}; "
            f"stop it: vae-tui control {run.name} stop --runs-dir {run.path.parent}\n"
        )
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED)


@pytest.mark.timeout(120)
def test_14_a_sweep_that_nobody_reads_names_what_goes_on(runs_dir: Path, wait_until: WaitUntil) -> None:
    options = "--preset ae --dataset mnist-5k --epochs 100000 --seed 0-1 --device cpu"
    done = shell(f"{VAE_TUI} sweep {options} --runs-dir {runs_dir} | head -0")
    run = Run(runs_dir / "sweep-seed0")
    assert done.stderr.startswith(f"vae-tui: {run.name} trains on in process"), done
    assert done.stderr.count("\n") == 1, done
    launch.send_request(run, "stop")
    wait_until(lambda: run.state() is State.STOPPED)
