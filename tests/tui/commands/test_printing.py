"""What is drawn once on a terminal, laid out for its width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from core.errors import RunError
from core.explorer.results import Samples
from core.latents.options import GRID, SamplingOptions
from core.runs.run import Run
from tests.conftest import CHECKPOINTS
from tui.command_line import command_line
from tui.commands.printing import show_samples


def test_a_grid_has_as_many_digits_in_a_line_as_columns_and_no_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = Run(tmp_path / "vae")

    def drawn(count: int) -> list[str]:
        samples = Samples(np.ones((count, 28, 28), np.float32), np.zeros((count, 2), np.float32))
        show_samples(run, samples, GRID, SamplingOptions(), 1.0, 0, None)
        return capsys.readouterr().out.splitlines()

    heading, *lines = drawn(25)
    assert heading == "vae: samples from a grid over the quantiles of the prior, temperature 1"
    assert (len(lines), {len(line) for line in lines}) == (5 * 7, {5 * 15 - 1})
    assert {len(line) for line in drawn(100)[1:]} == {10 * 8 - 1}
    with pytest.raises(RunError, match="80 columns, 20 digits side by side take 159"):
        drawn(400)


def test_a_grid_is_refused_with_what_it_needs() -> None:
    words = ["sample", "vae-mnist", "--sampler", "grid", "--runs-dir", str(CHECKPOINTS)]
    said = "sampler grid needs a latent of two numbers; this run has prior, gaussian, full, mixture"
    assert str(CliRunner().invoke(command_line(), words).exception) == said
