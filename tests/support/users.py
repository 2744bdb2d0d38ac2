"""Users as containers have them: a bare number, of whom no list of users knows."""

from __future__ import annotations

import os
import shutil
import subprocess

NUMBER = 4242
# They may read what is installed in the home of root, where a test may run.
CAPABILITIES = "+dac_override,+dac_read_search"
AS_NOBODY = [
    *("setpriv", f"--reuid={NUMBER}", f"--regid={NUMBER}", "--clear-groups"),
    *(f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}"),
]


def why_not() -> str | None:
    """Why programs cannot be run as such a user here."""
    if os.geteuid() != 0:
        return "another user can be taken on by root only"
    if shutil.which("setpriv") is None:
        return "there is no setpriv"
    done = subprocess.run([*AS_NOBODY, "true"], capture_output=True, check=False)
    return None if done.returncode == 0 else "capabilities cannot be kept for another user"
