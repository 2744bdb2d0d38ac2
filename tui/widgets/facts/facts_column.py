"""A column with the facts of a run beside its curves."""

from __future__ import annotations

from textual.widgets import Static

from tui.drawing.facts import facts
from tui.messages import Snapshot
from tui.terminal.capabilities import color_depth


class FactsColumn(Static):
    """The facts of a snapshot, wrapped to the width of the column."""

    _snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show the facts of this snapshot."""
        self._snapshot = snapshot
        self.on_resize()

    def on_resize(self) -> None:
        if self._snapshot is not None:
            width, rows = self.content_size
            text = facts(self._snapshot, width, color_depth(self.app), rows)
            # The size stays the same: a new layout of the screen would cost more than the text.
            self.update(text, layout=False)
