"""What was measured of each class: a table that is scrolled where it is longer than the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Label, Static

if TYPE_CHECKING:
    from rich.table import Table


class ClassesPanel(Vertical):
    """A table, and below it what it says."""

    DEFAULT_CSS = """
    ClassesPanel {
        display: none;
        height: 1fr;
        & VerticalScroll { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
        & Static { width: auto; }
        & #says { width: 100%; height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
    }
    """

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(id="rows", markup=False)
        yield Label("", id="says", markup=False)

    def show(self, table: Table, says: str) -> None:
        """Show a table with what it says."""
        self.query_one("#rows", Static).update(table)
        self.query_one("#says", Label).update(says)

    def move(self, by: int) -> None:
        """Scroll by so many lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def to_edge(self, which: int) -> None:
        """Scroll to the first line (0) or the last one."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_to(y=scroll.max_scroll_y if which else 0, animate=False)
