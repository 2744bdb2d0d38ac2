"""Ctrl-C ends every command at any moment, without a traceback."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import CHECKPOINTS
from tests.support.hostile import VAE_TUI

STARTED = 0.15  # seconds until Python itself has started, which shows where it was
COMMANDS = {
    "runs": (1.0, ["runs", "--runs-dir", str(CHECKPOINTS)]),
    "data": (1.0, ["data"]),
    "help": (1.0, ["--help"]),
    "create": (1.5, ["train", "--preset", "ae", "--create-only"]),
    "sample": (6.0, ["sample", "ae-mnist", "--count", "1", "--runs-dir", str(CHECKPOINTS)]),
    "download": (3.0, ["data", "--download", "kmnist", "--data-dir", "data"]),
    "device": (6.0, ["train", "--device", "cuda:99"]),
    "bench": (4.0, ["bench", "--quick", "--only", "curves"]),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_a_traceback_on_ctrl_c(command: str, tmp_path: Path) -> None:
    longest, words = COMMANDS[command]
    ended: Counter[int] = Counter()
    for _ in range(4):
        moment = random.uniform(STARTED, longest)
        process = subprocess.Popen(
            [VAE_TUI, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert b"Traceback" not in said, f"after {moment:.3f} s:\n{said.decode()}"
        assert b"Exception ignored" not in said, f"after {moment:.3f} s:\n{said.decode()}"
        ended[process.returncode] += 1
    assert ended.keys() <= {-signal.SIGINT, 130, 0, 2}
