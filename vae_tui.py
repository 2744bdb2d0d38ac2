"""Where the installed command begins, under a name that no other package has: a folder named `core` is not imported."""

import os.path
import signal
import sys


def main() -> None:
    """Put the folder of this program first, then start it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is to be tidied up yet, and no traceback to be shown
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - loaded by then
    from tui.__main__ import main

    main()
