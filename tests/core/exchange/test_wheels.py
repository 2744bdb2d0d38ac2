"""What a machine without a network is given: all that is small, in the versions that are tried here."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import RunError
from core.exchange import wheels
from tui.command_line import command_line


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
