"""19: A size that was exported is that of another terminal: the terminal's own counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import CHECKPOINTS
from tests.support.hostile import VAE_TUI
from tests.support.terminal import ENVIRONMENT, Terminal

RUNS = ["--runs-dir", str(CHECKPOINTS)]
SIZES = [{"COLUMNS": "60", "LINES": "12"}, {"COLUMNS": "200", "LINES": "70"}, {"COLUMNS": "0", "LINES": "x"}]


@pytest.mark.parametrize("exported", SIZES, ids=json.dumps)
def test_the_app_has_the_size_of_its_terminal_and_follows_it(exported: dict[str, str], tmp_path: Path) -> None:
    with Terminal([VAE_TUI, *RUNS], tmp_path, ENVIRONMENT | exported, size=(110, 30)) as terminal:
        lines = terminal.wait_for("vae-mnist", "q quit").splitlines()
        assert "q quit" in lines[29]
        terminal.resize(90, 20)
        for _ in range(100):
            lines = terminal.read().splitlines()
            if "q quit" in lines[19]:
                break
        assert "q quit" in lines[19]
        terminal.press("q")
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("exported", SIZES, ids=json.dumps)
def test_what_commands_draw_fits_their_terminal(exported: dict[str, str], tmp_path: Path) -> None:
    def drawn(**sizes: str) -> str:
        command = [VAE_TUI, "sample", "ae-mnist", "--count", "8", *RUNS]
        with Terminal(command, tmp_path, ENVIRONMENT | sizes, size=(110, 60)) as terminal:
            assert terminal.wait_for_end(60) == 0
            return terminal.read()

    assert drawn(**exported) == drawn()
