"""The explorers of the runs that are looked at, shared by all screens."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.runs.run import Run

if TYPE_CHECKING:
    from core.explorer.session import Explorer


# Two runs can be compared; what others hold in memory is given back.
KEPT = 2


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

    def __init__(self, data_dir: Path, say: Callable[[str], object]) -> None:
        self._data_dir, self._tell = data_dir, say
        self._words = ""
        self._lock = threading.Lock()
        self._kept: dict[Run, Explorer] = {}

    def of(self, run: Run) -> Explorer:
        """The explorer of a run."""
        if self._lock.locked():
            self._tell(self._words)
        with self._lock:
            explorer = self._kept.pop(run, None) or self._make(run)
            self._kept[run] = explorer
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
            return explorer

    def _say(self, words: str) -> None:
        self._words = words
        self._tell(words)

    def _make(self, run: Run) -> Explorer:
        self._say("loading PyTorch")
        with loading():
            import torch

            from core.explorer.session import Explorer

        # Trainers may need every core.
        torch.set_num_threads(1)
        return Explorer(run, self._data_dir, self._say)
