"""Where the installed command begins, under a name that no other package has: a folder named `core` is not imported."""

import sys
from pathlib import Path


def main() -> None:
    """Put the folder of this program first, then start it."""
    sys.path.insert(0, str(Path(__file__).parent))
    from tui.__main__ import main

    main()
