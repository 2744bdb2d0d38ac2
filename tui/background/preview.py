"""The newest reconstructions of a few validation digits; needs PyTorch, so it is read off the UI thread."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import describe
from core.explorer.protocol import Explorer, Report
from core.runs.run import Run
from tui.messages import Preview


class PreviewReader:
    """Reads the newest weights of one run and reconstructs one digit of each class."""

    def __init__(self, run: Run, make_explorer: Callable[[Run, Report], Explorer]) -> None:
        self._run, self._make_explorer = run, make_explorer

    def read(self) -> Preview:
        """The reconstructions as of now; what is missing or damaged becomes a message."""
        try:
            explorer = self._make_explorer(self._run, lambda words: None)
            return Preview(self._run, *explorer.preview(), explorer.note)
        except Exception as error:  # noqa: BLE001 - what cannot be shown is a message, never the end
            return Preview(self._run, message=describe(error))
