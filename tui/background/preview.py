"""The newest reconstructions of a few validation digits; needs PyTorch, so it is read off the UI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.errors import UserError, describe
from core.runs.run import Run
from tui.background.tasks import Report
from tui.messages import Preview

if TYPE_CHECKING:
    from core.explorer.session import Explorer


class PreviewReader:
    """Reads the newest weights of one run and reconstructs one digit of each class."""

    def __init__(self, run: Run, make_explorer: Callable[[Run, Report], Explorer]) -> None:
        self._run, self._make_explorer = run, make_explorer

    def read(self) -> Preview:
        """The reconstructions as of now; what is missing or damaged becomes a message."""
        try:
            explorer = self._make_explorer(self._run, lambda words: None)
            return Preview(self._run, *explorer.one_of_each(), explorer.note)
        except FileNotFoundError:
            return Preview(self._run, message="no weights yet")
        except (UserError, OSError) as error:
            return Preview(self._run, message=describe(error))
