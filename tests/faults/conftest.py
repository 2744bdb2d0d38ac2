"""What the tests of faults share: runs so small that a life of their trainer takes a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.run import Run
from tests.faults import lives


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lives.write_few_digits(tmp_path_factory.mktemp("few-digits"))


@pytest.fixture
def make_small_run(make_run: Callable[..., Run], few_digits: Path) -> Callable[..., Run]:
    """Makes a run of six steps an epoch."""

    def make(name: str = "a-run", **values: object) -> Run:
        return make_run(name, **(lives.SMALL | {"data_dir": str(few_digits), "preset": "ae", "epochs": 4} | values))

    return make
