"""The log of a run's trainer: it follows what comes, and can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from core.runs.keeping.log import LogEnd, LogTail
from core.text import printable
from tui.screens.following import Follower
from tui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from core.runs.run import Run

Line = tuple[int, str]  # its number, from 1 on, and what it says


class LogPane(ModalScreen[None]):
    """Shows the last lines; with the cursor on the last one it goes along with what comes."""

    ABOUT = "train.log: what the trainer of the run says; with the cursor on the last line what comes is followed"

    DEFAULT_CSS = """
    LogPane { align: center middle; }
    LogPane Vertical { width: 100%; height: 100%; background: $background; border: round $accent; }
    LogPane RowTable { background: $background; }
    LogPane #searched { display: none; }
    LogPane.-searching #searched { display: block; }
    LogPane #said { width: 100%; height: 1; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", key_display="/", tooltip="show lines with some words", id="log.search"),
        Binding(
            "escape", "leave", "close", tooltip="search no more; else close the log", id="log.leave", priority=True
        ),
        Binding("q,exclamation_mark", "dismiss", "close", tooltip="close the log", id="log.close", show=False),
        Binding("g,home", "edge(0)", "first", tooltip="the first line", id="log.first", show=False),
        Binding("G,end", "edge(-1)", "last", tooltip="the last line, and what comes", id="log.last", show=False),
        Binding("h", "sideways(-1)", "left", tooltip="move to the left", id="log.left", show=False),
        Binding("l", "sideways(1)", "right", tooltip="move to the right", id="log.right", show=False),
        Binding("question_mark", "app.keys", "keys", tooltip="explain the keys", id="log.keys", show=False),
    ]

    def __init__(self, run: Run, seconds: float) -> None:
        super().__init__()
        self._run = run
        self._lines: list[Line] = []
        self._note = "looking for the log"
        self._follower: Follower[LogEnd] = Follower(self, self._take, seconds, self._fail)

    def compose(self) -> ComposeResult:
        with Vertical() as pane:
            pane.border_title = Text(f"train.log of {printable(self._run.name)}")
            pane.border_subtitle = "/ searches  G follows  ? keys  esc closes"
            yield RowTable({"": self._number_cell, "line": self._line_cell})
            yield Input(compact=True, id="searched", placeholder="words to look for")
            yield Label("", id="said", markup=False)

    def on_mount(self) -> None:
        self._follower.follow(lambda: LogTail(self._run.log_path))
        self._table.focus()
        self._show()

    def on_unmount(self) -> None:
        self._follower.close()

    def on_follower_updated(self, message: Follower.Updated) -> None:
        message.deliver()

    @property
    def _table(self) -> RowTable[Line]:
        return self.query_one(RowTable)

    @property
    def _searched(self) -> str:
        return self.query_one(Input).value.strip().casefold() if self.has_class("-searching") else ""

    def _number_cell(self, line: Line) -> Text:
        return Text(str(line[0]), "dim", justify="right")

    def _line_cell(self, line: Line) -> Text:
        text, searched = Text(line[1]), self._searched
        if searched:
            text.highlight_words([searched], "reverse", case_sensitive=False)
        return text

    def _take(self, end: LogEnd) -> None:
        self._lines = [*enumerate((*end.lines, *filter(None, [end.open])), end.first)]
        self._note = end.missing or ("the beginning is left out: vae-tui logs shows more" if end.left_out else "")
        self._show()

    def _fail(self, reason: str) -> None:
        self._note = reason
        self._show()

    def _show(self) -> None:
        table, searched = self._table, self._searched
        follows = table.cursor >= len(table.rows) - 1
        rows = [line for line in self._lines if searched in line[1].casefold()] if searched else self._lines
        table.show(rows, len(rows) - 1 if follows else table.cursor)
        found = f"{len(rows):,} of {len(self._lines):,} lines with {self.query_one(Input).value!r}" if searched else ""
        self.query_one("#said", Label).update(printable("; ".join(filter(None, [found, self._note]))))

    # What keys ask for

    def action_edge(self, place: int) -> None:
        self._table.move_to(place % max(1, len(self._table.rows)))

    def action_sideways(self, by: int) -> None:
        self._table.action_sideways(by)

    def action_search(self) -> None:
        self.add_class("-searching")
        self.query_one(Input).focus()

    def on_input_changed(self) -> None:
        self._show()

    def on_input_submitted(self) -> None:
        self._table.focus()

    def action_leave(self) -> None:
        """Search no more; where nothing is searched, close."""
        if not self.has_class("-searching"):
            self.dismiss()
            return
        self.query_one(Input).value = ""
        self.remove_class("-searching")
        self._table.focus()
        self._show()
