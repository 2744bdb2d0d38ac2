"""The bundled runs are copied to a user's own, and overwrite none."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.exchange import examples
from core.runs.catalog import summarise
from core.runs.run import KEPT, Run
from tests.conftest import CHECKPOINTS
from tui.command_line import command_line

NAMES = set(examples.NAMES)


def invoke(runs_dir: Path) -> str:
    done = CliRunner().invoke(command_line(), ["examples", "--runs-dir", str(runs_dir)])
    assert done.exit_code == 0, done.exception
    return done.output


def test_examples_are_the_shipped_runs_and_no_run_of_the_users_is_touched(tmp_path: Path) -> None:
    mine = tmp_path / "vae-mnist"
    mine.mkdir()
    (mine / "config.json").write_text("mine")
    said = invoke(tmp_path)
    assert "vae-mnist is there already" in said
    assert (mine / "config.json").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == NAMES
    for name in NAMES - {"vae-mnist"}:
        assert f"{name} is ready in {tmp_path / name}" in said
        copied, shipped = Run(tmp_path / name), Run(CHECKPOINTS / name)
        assert summarise(copied).val_loss == summarise(shipped).val_loss
        assert all((copied.path / file).read_bytes() == (shipped.path / file).read_bytes() for file in KEPT
                   if (shipped.path / file).exists())  # fmt: skip
    assert invoke(tmp_path).count("is there already") == 4


def test_what_is_installed_comes_first_and_a_program_without_them_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "examples"
    copied = examples.copy(Run(CHECKPOINTS / "ae-mnist"), installed)
    copied.path.with_name("mine").mkdir()
    (copied.path.with_name("mine") / "config.json").write_bytes((copied.path / "config.json").read_bytes())
    monkeypatch.setattr(examples, "PLACES", (tmp_path / "none", installed))
    assert [run.path for run in examples.examples()] == [installed / "ae-mnist"]
    monkeypatch.setattr(examples, "PLACES", (tmp_path / "none",))
    said = CliRunner().invoke(command_line(), ["examples", "--runs-dir", str(tmp_path / "runs")])
    assert "it was installed without them" in str(said.exception)


def test_the_wheel_holds_every_shipped_run() -> None:
    project = tomllib.loads((CHECKPOINTS.parent / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {f"checkpoints/{name}": f"core/examples/{name}" for name in NAMES}
    assert {path.name for path in CHECKPOINTS.iterdir() if (path / "config.json").exists()} == NAMES
