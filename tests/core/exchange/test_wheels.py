"""What a machine without a network is given: all that is small, in the versions that are tried here."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import RunError
from core.exchange import wheels
from tui.command_line import command_line
from tui.commands.exchange import offline


def names(also: tuple[str, ...] = ()) -> set[str]:
    return {wanted.partition("==")[0] for wanted in wheels.needed(also)}


def test_what_is_small_is_taken_with_what_it_needs_and_what_is_large_is_not() -> None:
    found = names()
    assert {"textual", "rich", "typer", "pydantic-core", "safetensors", "plotext", "mlxtend"} <= found
    assert "linkify-it-py" in found  # which only an extra asks for, that Textual asks for
    assert not found & {*wheels.THERE, "vae-tui", "pytest", "triton", "sympy"}
    assert f"textual=={version('textual')}" in wheels.needed()


def test_what_is_taken_along_comes_with_what_it_needs_but_for_pytorch_and_numpy() -> None:
    more = names(("scikit-learn",)) - names()
    assert {"scikit-learn", "scipy", "joblib"} <= more
    assert not more & {"torch", "numpy", "pandas"}
    with pytest.raises(RunError, match="scikit-lern is not left out; did you mean scikit-learn"):
        names(("scikit-lern",))


def test_pip_is_asked_for_another_python_and_what_it_refuses_is_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(wheels, "pip", lambda *words: asked.append(words))
    done = CliRunner().invoke(command_line(), ["wheels", str(tmp_path / "w"), "--python", "3.13"])
    assert "--target ~/vae-tui w/*.whl" in done.output
    assert "torch, torchvision, numpy, pillow, scikit-learn, matplotlib" in done.output
    (made, downloaded) = asked
    assert made[0] == "wheel"
    assert downloaded[downloaded.index("--python-version") + 1] == "3.13"
    assert {*wheels.needed()} <= {*downloaded}
    monkeypatch.undo()
    with pytest.raises(RunError, match="pip frobnicate: ERROR: unknown command"):
        wheels.pip("frobnicate")
    refused = CliRunner().invoke(command_line(), ["wheels", "w", "--python", "3"])
    assert "python must be such as 3.12" in str(refused.exception)


def test_a_python_that_is_too_old_is_told_which_ones_are_not(tmp_path: Path) -> None:
    done = CliRunner().invoke(command_line(), ["wheels", str(tmp_path / "w"), "--python", "3.9"])
    assert str(done.exception) == f"python must be 3.{offline.OLDEST} or newer, not 3.9"
    declared = tomllib.loads((wheels.CHECKOUT / "pyproject.toml").read_text())["project"]
    assert declared["requires-python"] == f">=3.{offline.OLDEST}"
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_fetched_leaves_no_folder_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network = False

    def pip(*words: str) -> None:
        if words[0] == "wheel":
            (Path(words[words.index("--wheel-dir") + 1]) / "vae_tui-0-any.whl").touch()
        elif not network:
            raise RunError("pip download: no network")

    monkeypatch.setattr(wheels, "pip", pip)
    with pytest.raises(RunError, match="no network"):
        wheels.fetch(tmp_path / "w", "3.12")
    assert list(tmp_path.iterdir()) == []
    network = True
    assert wheels.fetch(tmp_path / "w", "3.12") == [tmp_path / "w" / "vae_tui-0-any.whl"]
    assert list(tmp_path.iterdir()) == [tmp_path / "w"]
