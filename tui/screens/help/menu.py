"""The menu of screens, for terminals in which their names have no room."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import OptionList

from tui.screens.base import SCREENS
from tui.screens.dialogs import Options


class ScreenMenu(ModalScreen[str | None]):
    """One of the screens, by its number or from the list."""

    DEFAULT_CSS = """
    ScreenMenu { align: left top; }
    ScreenMenu Options { width: 20; height: auto; max-height: 100%; background: $panel; border: round $accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "cancel", id="menu.cancel"),
        *(
            Binding(str(number), f"dismiss('{name}')", id=f"menu.{name}", show=False)
            for number, name in enumerate(SCREENS, 1)
        ),
    ]

    def __init__(self, shown: str) -> None:
        super().__init__()
        self._shown = shown

    def compose(self) -> ComposeResult:
        options = Options(*(f"{number} {name}" for number, name in enumerate(SCREENS, 1)))
        options.highlighted = SCREENS.index(self._shown)
        yield options

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(SCREENS[event.option_index])
