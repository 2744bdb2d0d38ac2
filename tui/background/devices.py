"""Whether this machine has a device: PyTorch is loaded only for one that it may not have, by a process of its own."""

from __future__ import annotations

import json
import subprocess

from core import program
from core.errors import ConfigError, RunError, check_packages
from core.text import printable

REFUSED = 1


def check_device(name: str, processes: int = 1) -> None:
    """Raise ConfigError where there is no such device, it cannot be used, or too few for processes on this machine.

    Raises PackageMissing without PyTorch, RunError where it cannot be found out.
    """
    check_packages()
    if name == "cpu" or (name == "auto" and processes == 1):
        return
    asked = subprocess.run(
        [*program.words("core.training.devices.check"), name, str(processes)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        start_new_session=True,
        check=False,
    )
    if asked.returncode == REFUSED:
        try:
            problems = json.loads(asked.stdout.splitlines()[-1])
            raise ConfigError({str(field): printable(str(text)) for field, text in problems.items()})
        except (IndexError, AttributeError, json.JSONDecodeError):
            pass  # it ended before it could say what is wrong
    if asked.returncode:
        said = printable((asked.stderr.strip().splitlines() or ["no word"])[-1])
        raise RunError(f"cannot look for device {name}: {said}")
