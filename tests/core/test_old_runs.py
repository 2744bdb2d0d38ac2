"""Runs that an earlier version wrote are listed, browsed, evaluated and resumed as it would have done it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.explorer.queries import RunExplorer
from core.jobs import launch
from core.runs.catalog import find_runs, summarise
from core.runs.metrics.reader import MetricsReader
from core.runs.run import Run
from core.runs.status import State

FIXTURES = Path(__file__).parents[1] / "fixtures"
EXPECTED: dict[str, Any] = json.loads((FIXTURES / "expected.json").read_text())
SAMPLERS = {"finished-ae": "gaussian", "killed-vae": "prior", "paused-vae-post": "prior"}


# One of them in the suite, the others with what is slow.
ONE_IN_THE_SUITE = [
    pytest.param(name, marks=[] if name == "killed-vae" else [pytest.mark.slow]) for name in sorted(EXPECTED)
]


@pytest.fixture(params=ONE_IN_THE_SUITE)
def old_run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A copy of a run as the earlier version left it."""
    shutil.copytree(FIXTURES / "runs" / request.param, tmp_path / request.param)
    return Run(tmp_path / request.param)


def test_old_runs_are_listed_in_the_state_they_were_left_in() -> None:
    states = {run.name: summarise(run).state for run in find_runs(FIXTURES / "runs")}
    assert states == {"finished-ae": State.FINISHED, "killed-vae": State.LOST, "paused-vae-post": State.LOST}
    assert all(summarise(run).damage is None for run in find_runs(FIXTURES / "runs"))


def test_an_old_run_is_browsed(old_run: Run, tmp_path: Path) -> None:
    explorer = RunExplorer.open(old_run, tmp_path)
    originals, reconstructions = explorer.preview()
    assert originals.shape == reconstructions.shape == (10, 28, 28)
    assert ((originals - reconstructions) ** 2).sum() < 0.7 * (originals**2).sum()


def test_an_old_run_is_evaluated_to_the_same_figures(old_run: Run, tmp_path: Path) -> None:
    found = RunExplorer.open(old_run, tmp_path).evaluate(SAMPLERS[old_run.name], samples=500, seeds=1).evaluation
    figures = {
        "frechet_samples": found.frechet_samples and found.frechet_samples.mean,
        "frechet_reconstructions": found.frechet_reconstructions,
        "test_squared_error": found.test_squared_error,
        "active_units": found.active_units,
        "elbo": found.elbo and found.elbo.mean,
        "iwae": found.iwae and found.iwae.mean,
    }
    for name, expected in EXPECTED[old_run.name]["evaluated"].items():
        assert figures[name] == (expected if expected is None else pytest.approx(expected, rel=1e-3)), name


def test_an_old_run_is_resumed_to_the_same_losses(old_run: Run, wait_until: Callable[..., None]) -> None:
    worker = launch.resume(old_run, epochs=3 if old_run.name == "finished-ae" else None)
    worker.wait_until_started()
    wait_until(lambda: worker.ended, what="the end of training")
    expected = EXPECTED[old_run.name]
    assert old_run.status().state is State.FINISHED, old_run.log_path.read_text()
    metrics = MetricsReader(old_run.metrics_path)
    metrics.poll()
    assert metrics.epochs["step"][-1] == expected["resumed"]["step"]
    for loss in ("train_loss", "val_loss"):
        # Another processor rounds otherwise, and after some hundred steps that is seen.
        assert metrics.epochs[loss][-1] == pytest.approx(expected["resumed"][loss], rel=0.05)
    assert sorted(torch.load(old_run.state_path, weights_only=True)) == expected["state_keys"]
