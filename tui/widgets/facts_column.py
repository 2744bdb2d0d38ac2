"""A column with the facts of a run beside its curves."""

from __future__ import annotations

from textual.widgets import Static

from tui.drawing.facts import facts
from tui.messages import Snapshot
from tui.terminal.capabilities import ColorDepth, color_depth


class FactsColumn(Static):
    """The facts of a snapshot, wrapped to the width of the column."""

    _snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show the facts of this snapshot."""
        self._snapshot = snapshot
        self.on_resize()

    def on_resize(self) -> None:
        if self._snapshot is not None:
            ascii_only = color_depth(self.app) is ColorDepth.ASCII
            # The size stays as it is: a new layout of the screen would cost more than the text.
            self.update(facts(self._snapshot, self.content_size.width, ascii_only=ascii_only), layout=False)
