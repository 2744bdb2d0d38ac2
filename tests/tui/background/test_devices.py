"""Whether there is a device is found out by a process of its own: the app loads no PyTorch for that."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from core.errors import ConfigError, RunError
from tui.background.devices import check_device


def test_a_device_that_is_not_there_is_refused_without_pytorch_in_this_process() -> None:
    program = (
        "import sys\n"
        "from core.errors import ConfigError\n"
        "from tui.background.devices import check_device\n"
        "check_device('cpu'); check_device('auto')\n"
        "try: check_device('cuda:99')\n"
        "except ConfigError as error: print(error.problems)\n"
        "print('torch' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    problem, loaded = said.splitlines()
    assert problem.startswith("{'device': 'device must be one that this machine has: auto, ")
    assert loaded == "False"


@pytest.mark.parametrize(
    ("status", "printed", "error", "text"),
    [
        (1, '{"device": "no such\\u001b[31m"}\n', ConfigError, "no such"),
        (1, "", RunError, "cannot look for device cuda:0: killed"),
        (-9, "", RunError, "cannot look for device cuda:0: killed"),
    ],
)
def test_what_the_process_says_or_how_it_ends_is_one_line(
    monkeypatch: pytest.MonkeyPatch, status: int, printed: str, error: type[Exception], text: str
) -> None:
    ended = SimpleNamespace(returncode=status, stdout=printed, stderr="a warning\nkilled\n")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: ended)
    with pytest.raises(error, match=text) as raised:
        check_device("cuda:0")
    assert str(raised.value).isprintable()
