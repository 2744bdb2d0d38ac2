"""The explorer of a command, which asks once and ends: in its own process."""

from __future__ import annotations

from pathlib import Path

from core.explorer.client import LOADING
from core.explorer.protocol import Explorer, Report
from core.runs.run import Run


def open_here(run: Run, data_dir: Path, report: Report) -> Explorer:
    """An explorer on the cores that others leave; `report` is told what takes long. Raises DamagedFile or OSError."""
    report(LOADING)
    from core.explorer.queries import RunExplorer

    return RunExplorer.open(run, data_dir, report)
