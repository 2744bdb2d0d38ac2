"""The dialog in which charts, or columns, are switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.dialogs import Dialog, Options


class ChooseShown(Dialog[tuple[str, ...] | None]):
    """Those that are to be shown; None leaves them as they are, as does an empty choice."""

    DEFAULT_CSS = "ChooseShown Options { width: 44; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "switch", "switch", id="charts.switch", priority=True),
        Binding("enter", "choose", "show these", id="charts.choose", priority=True),
        Binding("escape,q", "dismiss(None)", "cancel", id="charts.cancel"),
    ]

    def __init__(self, what: str, titles: Sequence[tuple[str, str]], shown: Sequence[str]) -> None:
        super().__init__()
        self._what, self._titles, self._shown = what, titles, set(shown)

    def compose(self) -> ComposeResult:
        choices = Options(*map(self._line, range(len(self._titles))))
        choices.border_title = Text(self._what)
        choices.border_subtitle = "space on, off  enter done  esc closes"
        yield choices

    def _line(self, place: int) -> Text:
        key, title = self._titles[place]
        return Text(f" {'[x]' if key in self._shown else '[ ]'} {title}")

    def action_switch(self) -> None:
        choices = self.query_one(Options)
        if (place := choices.highlighted) is not None:
            self._shown ^= {self._titles[place][0]}
            choices.replace_option_prompt_at_index(place, self._line(place))

    def action_choose(self) -> None:
        chosen = tuple(key for key, _ in self._titles if key in self._shown)
        self.dismiss(chosen or None)
