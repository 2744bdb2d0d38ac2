"""Small questions that wait for an answer, and the list of keys."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static


class Confirm(ModalScreen[bool]):
    """A question that is answered with y or n."""

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm Vertical {
        width: auto;
        max-width: 90%;
        height: auto;
        padding: 1 2;
        background: $panel;
        border: round $warning;
    }
    Confirm Label { width: auto; }
    Confirm #keys { margin-top: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "yes", id="confirm.yes"),
        Binding("n,escape,q", "answer(False)", "no", id="confirm.no"),
    ]

    def __init__(self, question: str, yes: str, no: str = "keep it") -> None:
        super().__init__()
        self._question, self._yes, self._no = question, yes, no

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield Label(f"y {self._yes}   n {self._no}", id="keys", markup=False)

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class AskEpochs(ModalScreen[int | None]):
    """How many epochs a finished run shall have in all."""

    DEFAULT_CSS = """
    AskEpochs { align: center middle; }
    AskEpochs Vertical {
        width: 56;
        max-width: 90%;
        height: auto;
        padding: 1 2;
        background: $panel;
        border: round $accent;
    }
    AskEpochs #problem { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel", id="epochs.cancel")]

    def __init__(self, name: str, done: int) -> None:
        super().__init__()
        self._run_name, self._done = name, done

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(f"{self._run_name} has done its {self._done} epochs. Train to epoch:", markup=False)
            yield Input(str(2 * self._done), compact=True, type="integer")
            yield Label(" ", id="problem", markup=False)
            yield Label("enter go on   esc leave it", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.isdecimal() and self._done < int(event.value) <= 1_000_000:
            self.dismiss(int(event.value))
        else:
            self.query_one("#problem", Label).update(f"a whole number above {self._done}, at most 1000000")


class Keys(ModalScreen[None]):
    """All keys of the screen below."""

    DEFAULT_CSS = """
    Keys { align: center middle; }
    Keys VerticalScroll {
        width: 64;
        max-width: 95%;
        height: auto;
        max-height: 95%;
        padding: 0 1;
        background: $panel;
        border: round $accent;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", id="keys.close")
    ]

    def __init__(self, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        table = Table.grid(padding=(0, 2))
        for key, meaning in self._keys:
            table.add_row(Text(key, style="bold"), Text(meaning))
        with VerticalScroll() as scroll:
            scroll.border_title = "keys"
            scroll.border_subtitle = "esc closes"
            yield Static(table)
