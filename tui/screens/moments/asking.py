"""Asks what is to be written at a moment of the training."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label

from tui.screens.dialogs import Dialog

Answer = Literal["film", "now"]


class AskFilm(Dialog[Answer | None]):
    """The film of all moments, or what is seen."""

    DEFAULT_CSS = "AskFilm Vertical { padding: 1 2; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "dismiss('film')", "film", id="film.film"),
        Binding("m,e", "dismiss('now')", "moment", id="film.now"),
        Binding("escape,q", "dismiss(None)", "cancel", id="film.cancel"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Write the film of the whole training, or this moment?", markup=False)
            yield Label("f the film   m this moment   esc nothing", markup=False)
