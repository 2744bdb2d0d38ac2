"""What is exported of a run works with PyTorch alone, and as the model that was trained."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from core.errors import RunError
from core.runs.run import Run
from core.standalone import folder, model
from tests.support.models import load_model
from tui.command_line import command_line

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
MakeRun = Callable[..., Run]
SHIPPED = [path for path in CHECKPOINTS.iterdir() if "prior" not in path.name and (path / "config.json").exists()]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_exported_model_computes_what_the_trained_one_does(path: Path, tmp_path: Path) -> None:
    run, place = Run(path), tmp_path / "exported"
    assert {file.name for file in folder.write(run, place)} == {file.name for file in place.iterdir()}
    exported, trained = model.load(place / "model.safetensors"), load_model(run)
    x = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        mean, log_variance = exported.encode(x)
        expected = trained.encode(x)
        assert torch.equal(mean, expected.mean)
        assert (log_variance is None) == (expected.log_variance is None)
        if log_variance is not None and expected.log_variance is not None:
            assert torch.equal(log_variance, expected.log_variance)
        assert torch.equal(exported.decode(mean), trained.decode(mean))
    assert exported.latent_scale == pytest.approx(trained.latent_scale)
    assert run.config().dataset in (place / "README.md").read_text()


def test_the_folder_needs_nothing_of_this_program(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        command_line(), ["export", "vae-mnist", "--runs-dir", str(CHECKPOINTS), "--out", str(tmp_path / "e")]
    )
    assert done.exit_code == 0, done.output
    words = [sys.executable, "-c", "import sys, runpy; sys.modules.update(core=None, tui=None); "
             "sys.path.insert(0, '.'); runpy.run_path('example.py')"]  # fmt: skip
    ran = subprocess.run(words, cwd=tmp_path / "e", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    picture = (tmp_path / "e" / "samples.pgm").read_bytes()
    assert picture.startswith(b"P5 256 256 255\n")
    assert len(set(picture[15:])) > 100  # shades
    assert len((tmp_path / "e" / "model.py").read_text().splitlines()) < 120


def test_what_cannot_be_exported_says_why_and_leaves_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="learns a prior; what can be exported is a run of vae"):
        folder.write(make_run("learned", preset="prior"), tmp_path / "none")
    untrained = make_run("untrained", preset="ae")
    cases = [(untrained.path, tmp_path / "none", "has no weights yet"), (CHECKPOINTS / "vae-mnist", tmp_path, "exists")]
    for path, out, reason in cases:
        given = [path.name, "--runs-dir", str(path.parent), "--out", str(out)]
        assert reason in str(CliRunner().invoke(command_line(), ["export", *given]).exception)
    assert not (tmp_path / "none").exists()
