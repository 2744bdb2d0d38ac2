"""The explorers of the runs that are looked at, shared by all screens."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.runs.run import Run
from tui.background.tasks import Report

if TYPE_CHECKING:
    from core.explorer.session import Explorer


# Two runs can be compared; what others hold in memory is given back.
KEPT = 2
LOADING = "loading PyTorch"


@contextmanager
def loading() -> Iterator[None]:
    """Has what is imported here left out of garbage collections from now on, and none take place meanwhile.

    PyTorch brings a quarter of a million objects that stay. Every full collection would look at all of them, for 0.3
    seconds during which no key is answered.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class ExplorerCache:
    """Makes explorers where they are asked for, off the UI thread: PyTorch takes seconds to load."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._kept: dict[Run, Explorer] = {}
        self._asker = threading.local()

    def of(self, run: Run, report: Report) -> Explorer:
        """The explorer of a run. What it is asked in this thread from now on, it reports on to `report`."""
        self._asker.report = report
        if self._lock.locked():
            report(LOADING)
        with self._lock:
            explorer = self._kept.pop(run, None) or self._make(run)
            self._kept[run] = explorer
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
            return explorer

    def _make(self, run: Run) -> Explorer:
        self._asker.report(LOADING)
        with loading():
            import torch

            from core.explorer.session import Explorer

        # Trainers may need every core.
        torch.set_num_threads(1)
        return Explorer(run, self._data_dir, lambda words: self._asker.report(words))
