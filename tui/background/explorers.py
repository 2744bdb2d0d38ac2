"""Explorers of the runs that screens look into; all screens share one session a run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from core.explorer.protocol import Explorer, Report
from core.runs.run import Run
from tui.background.garbage import loading

if TYPE_CHECKING:
    from core.explorer.session import RunSession


# Two runs can be compared; what others hold in memory is given back.
KEPT = 2
LOADING = "loading PyTorch"


class ExplorerCache:
    """Makes explorers where they are asked for, off the UI thread: PyTorch takes seconds to load."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._sessions: dict[Run, RunSession] = {}
        self._loaded = False

    def of(self, run: Run, report: Report) -> Explorer:
        """An explorer of a run for one task; `report` is told what takes long."""
        if self._lock.locked():
            report(LOADING)
        with self._lock:
            session = self._sessions.pop(run, None) or self._open(run, report)
            self._sessions[run] = session
            while len(self._sessions) > KEPT:
                del self._sessions[next(iter(self._sessions))]
        from core.explorer.queries import RunExplorer

        return RunExplorer(session, report)

    def _open(self, run: Run, report: Report) -> RunSession:
        if not self._loaded:  # to freeze later would keep the garbage of closed screens
            report(LOADING)
            with loading():
                import torch

                from core.explorer import queries  # noqa: F401 - which takes as long

            torch.set_num_threads(1)  # trainers may need every core
            self._loaded = True
        from core.explorer.session import RunSession

        return RunSession(run, self._data_dir)
