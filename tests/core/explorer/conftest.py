"""Trained runs of every autoencoder, and an explorer of each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.explorer.queries import RunExplorer
from core.models.autoencoder import MODELS
from core.runs.run import Run
from tests.conftest import make_trained_run

MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    return {preset: make_trained_run(folder, preset) for preset in MODELS}


@pytest.fixture(scope="module")
def explorers(trained: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunExplorer]:
    return {preset: RunExplorer.open(run, tmp_path_factory.mktemp("data")) for preset, run in trained.items()}


@pytest.fixture(params=MODELS)
def explorer(request: pytest.FixtureRequest, explorers: dict[str, RunExplorer]) -> RunExplorer:
    return explorers[request.param]


@pytest.fixture
def vae(explorers: dict[str, RunExplorer]) -> RunExplorer:
    return explorers["vae"]


@pytest.fixture
def copy_of_vae(make_run: MakeRun, trained: dict[str, Run]) -> Run:
    """A run whose weights a test may change."""
    run = make_run("copy", preset="vae")
    run.write_weights(trained["vae"].read_weights())
    return run
