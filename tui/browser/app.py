"""The app that a page shows: started by the server as `core.program` says, with RUNS_DIR DATA_DIR [RUN]."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Show the app until its user leaves it, or the page is gone."""
    from core.runs.catalog import find_run
    from tui.in_terminal import make_app, show_app

    runs_dir, data_dir, *name = sys.argv[1:]
    run = find_run(Path(runs_dir), name[0]) if name else None
    app = make_app(Path(runs_dir), Path(data_dir), run, None)
    show_app(app)
    os._exit(app.return_code or 0)  # a thread may be deep in PyTorch


if __name__ == "__main__":
    main()
