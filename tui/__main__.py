"""Where the command `vae-tui` begins: `python -m tui` is the same."""

import os
import signal
import sys
from contextlib import suppress


def use_size_of_terminal() -> None:
    """Take no notice of an exported size where the terminal knows its own: that is of another one, or of long ago."""
    with suppress(OSError):  # no terminal
        if all(os.get_terminal_size(sys.stdout.fileno())):
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)


def main() -> None:
    """Load the command line and hand over to it."""
    # Until then there is nothing to tidy up: ctrl+c ends the program as it ends any other, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # a shell closed it
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115, PTH123
    from core.text import print_everything

    print_everything()
    use_size_of_terminal()
    from tui.cli import main
    from tui.interrupts import leave

    signal.signal(signal.SIGINT, leave)
    main()


if __name__ == "__main__":
    main()
