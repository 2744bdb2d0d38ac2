"""How parts of this program are started as processes of their own, whatever modules of the same names there are."""

from __future__ import annotations

import sys
from pathlib import Path

START = Path(__file__).parents[1] / "vae_tui.py"


def words(module: str, *through: str) -> list[str]:
    """The command line that starts a module, such as core.worker; `through` is what Python runs to start it, if any."""
    return [sys.executable, "-P", *through, str(START), module]
