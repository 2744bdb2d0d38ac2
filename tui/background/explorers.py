"""The explorer of a command, which asks once and ends: in its own process."""

from __future__ import annotations

from pathlib import Path

from core.explorer.client import LOADING
from core.explorer.protocol import Explorer, Report
from core.runs.run import Run


def open_here(run: Run, data_dir: Path, report: Report, tell: Report) -> Explorer:
    """An explorer on the cores that others leave. Raises DamagedFile or OSError.

    `report` is told what takes long, and `tell` where images were read that are not in the folder.
    """
    report(LOADING)
    from core.explorer.queries import RunExplorer

    return RunExplorer.open(run, data_dir, report, tell)
