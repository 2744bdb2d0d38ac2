"""Where the installed command begins: a name nobody else has, so that a user's own `core` is never imported."""

import sys
from pathlib import Path


def main() -> None:
    """Put the folder of this program first, then start it."""
    sys.path.insert(0, str(Path(__file__).parent))
    from tui.__main__ import main

    main()
