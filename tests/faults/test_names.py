"""17: A project of the user's with modules of our names, in PYTHONPATH and the current folder, is not imported."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.run import Run
from core.runs.status import State
from tests.support.hostile import VAE_TUI

OURS = ("core", "tui", "tests", "core/jobs", "core/runs")
BRIEF = ["--preset", "ae", "--epochs", "1", "--batch-size", "2000", "--device", "cpu", "--dataset", "mnist-5k"]
Call = Callable[..., str]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Runs a command in a project of the user's; what it printed."""
    project = tmp_path / "project"
    for name in OURS:
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").write_text("raise SystemExit('imported what is not ours')\n")
    paths = f"{project}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")

    def run(*words: str) -> str:
        environment = os.environ | {"PYTHONPATH": paths}
        done = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_run_trains_whatever_else_has_our_names(call: Call, tmp_path: Path, processes: str) -> None:
    where = ["--runs-dir", str(tmp_path / "runs")]
    call(VAE_TUI, "train", *BRIEF, "--name", "a-run", "--processes", processes, *where)
    call(VAE_TUI, "resume", "a-run", "--epochs", "2", *where)
    run = Run(tmp_path / "runs" / "a-run")
    assert (run.state(), run.status().epoch) == (State.FINISHED, 2)


def test_the_command_that_is_printed_for_a_run_trains_it(call: Call, tmp_path: Path) -> None:
    said = call(VAE_TUI, "train", *BRIEF, "--name", "made", "--create-only", "--runs-dir", str(tmp_path / "runs"))
    call(*shlex.split(said.splitlines()[-1].partition("train it with: ")[2]))
    assert Run(tmp_path / "runs" / "made").state() is State.FINISHED


@pytest.mark.parametrize("words", [["runs"], ["data"], ["sweep", *BRIEF, "--seed", "0"], ["--help"]])
def test_commands_are_ours(call: Call, words: list[str]) -> None:
    call(VAE_TUI, *words)


def test_the_benchmarks_are_ours(call: Call) -> None:
    assert "plot" in call(VAE_TUI, "bench", "--quick", "--only", "curves")
