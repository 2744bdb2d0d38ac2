"""A run that a newer version wrote is listed, browsed and said to be newer; it is not trained."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunError
from core.jobs import launch
from core.runs.catalog import summarise
from core.runs.run import Run

MakeRun = Callable[..., Run]
SAYS = "written by a newer version of vae-tui; this one does not know"


def rewritten(run: Run, **values: Any) -> Run:
    """The run as a newer version would have written it."""
    path = run.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return run


@pytest.mark.parametrize(
    ("values", "unknown"),
    [
        ({"momentum": 0.9}, "momentum"),
        ({"optimizer": {"name": "muon", "betas": [0.9, 0.95]}}, "optimizer"),
        ({"preset": "vq-vae"}, "preset vq-vae"),
        ({"dataset": "emnist"}, "dataset emnist"),
        ({"schedule": "linear"}, "schedule linear"),
        ({"device": "xpu:0"}, "device xpu:0"),
        ({"first_stage_preset": "vq-vae"}, "first stage vq-vae"),
        ({"preset": "vq-vae", "momentum": 0.9, "ema": 1, "warm_up": 5}, "preset vq-vae, momentum, ema, ..."),
    ],
)
def test_it_is_listed_and_says_what_is_not_known(make_run: MakeRun, values: dict[str, Any], unknown: str) -> None:
    run = rewritten(make_run(), **values)
    summary = summarise(run)
    assert (summary.damage, summary.newer) == (None, f"{SAYS} {unknown}")
    assert summary.as_json()["preset"] == values.get("preset", "vae")
    assert run.config().epochs == 2


def test_a_run_of_this_version_is_not_newer(make_run: MakeRun) -> None:
    assert summarise(make_run()).newer is None
    assert summarise(make_run("first", preset="prior")).newer is None


@pytest.mark.parametrize("values", [{"momentum": 0.9}, {"preset": "vq-vae"}])
def test_it_is_refused_for_training_in_one_line(make_run: MakeRun, values: dict[str, Any]) -> None:
    run = rewritten(make_run(), **values)
    for refuse in (launch.resume, launch.start):
        with pytest.raises(RunError, match=f"^a-run was {SAYS} [^\n]+$"):
            refuse(run)
    trainer = subprocess.run([sys.executable, "-m", "core.worker", run.path], capture_output=True, text=True)
    assert (trainer.returncode, trainer.stdout.count("\n")) == (3, 1)
    assert f"refused: a-run was {SAYS}" in trainer.stdout
    assert sorted(path.name for path in run.path.iterdir()) == ["config.json", "status.json"]


def test_a_file_of_something_else_is_damaged_not_newer(make_run: MakeRun) -> None:
    run = rewritten(make_run(), **{f"key {number}": number for number in range(101)})
    assert summarise(run).damage == "config.json: holds something else than settings"


def test_keys_of_a_hostile_file_are_shown_harmless_and_short(make_run: MakeRun, tmp_path: Path) -> None:
    said = summarise(rewritten(make_run(), **{"\x1b[2J\n" + "x" * 1000: 1})).newer
    assert said is not None
    assert said.isprintable() and len(said) < 200
