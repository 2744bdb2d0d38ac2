"""Explorers of the runs that were looked into last: all that ask about a run share one session."""

from __future__ import annotations

import threading
from pathlib import Path

from core.explorer.protocol import Report
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.runs.run import Run

KEPT = 2  # runs that can be compared; what others hold in memory is given back


class OpenRuns:
    """Opens runs where an explorer of them is asked for, with the images of a folder."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._sessions: dict[Run, RunSession] = {}

    def of(self, run: Run, report: Report) -> RunExplorer:
        """An explorer of a run for one task; `report` is told what takes long."""
        with self._lock:
            session = self._sessions.pop(run, None) or RunSession(run, self._data_dir)
            self._sessions[run] = session
            while len(self._sessions) > KEPT:
                del self._sessions[next(iter(self._sessions))]
        return RunExplorer(session, report)
