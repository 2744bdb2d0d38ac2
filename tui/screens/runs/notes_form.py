"""The dialog in which tags and a note on a run are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label, TextArea

from core.errors import ConfigError
from core.text import printable
from tui.screens.dialogs import Dialog

if TYPE_CHECKING:
    from core.runs.keeping.notes import Notes

Written = tuple[tuple[str, ...], str]


class NotesForm(Dialog[Written | None]):
    """Gives the tags and the note, or None where they stay as they are."""

    DEFAULT_CSS = "NotesForm TextArea { height: 8; max-height: 50vh; min-height: 2; border: none; padding: 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", id="notes.save", priority=True),
        Binding("tab", "app.focus_next", show=False, id="notes.next", priority=True),
        Binding("escape", "dismiss(None)", "cancel", id="notes.cancel", priority=True),
    ]

    def __init__(self, name: str, notes: Notes) -> None:
        super().__init__()
        self._run_name, self._notes = name, notes

    def compose(self) -> ComposeResult:
        with Vertical() as form:
            form.border_title = Text(f"notes on {printable(self._run_name)}")
            form.border_subtitle = "ctrl+s saves  esc leaves them"
            yield Label("tags, such as: baseline keep", markup=False)
            yield Input(printable(" ".join(self._notes.tags)), compact=True)
            yield Label("note", markup=False)
            yield TextArea("\n".join(map(printable, self._notes.note.splitlines())))
            yield Label("", id="problem", markup=False)

    def on_input_submitted(self) -> None:
        self.query_one(TextArea).focus()

    def action_save(self) -> None:
        from core.runs.keeping.notes import parse_note, parse_tags

        try:
            self.dismiss((parse_tags(self.query_one(Input).value), parse_note(self.query_one(TextArea).text)))
        except ConfigError as error:
            self.query_one("#problem", Label).update(str(error))
