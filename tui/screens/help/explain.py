"""What is seen, explained in three lines with the formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Label

from core.text import to_ascii
from tui.screens.dialogs import Dialog, ScrolledText
from tui.screens.help.formulas import EXPLANATIONS
from tui.terminal.capabilities import ColorDepth, color_depth

AWAITED = "It is still being computed: what is seen is what was there before."
LOOK_SECONDS = 0.5


class Explain(Dialog[None]):
    """One explanation, by its name; it says so while what it is about is not seen yet."""

    DEFAULT_CSS = """
    Explain ScrolledText { width: 100; }
    Explain .formula { text-style: bold; margin: 0 0 1 0; }
    Explain #awaited { color: $text-warning; margin: 0 0 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,X,q,enter", "dismiss", "close", id="explain.close"),
        Binding("question_mark", "keys", id="explain.keys", show=False),
    ]

    def __init__(self, topic: str, is_seen: Callable[[], bool]) -> None:
        super().__init__()
        self.topic, self._is_seen = topic, is_seen

    def compose(self) -> ComposeResult:
        found, is_ascii = EXPLANATIONS[self.topic], color_depth(self.app) is ColorDepth.ASCII
        with ScrolledText() as scroll:
            scroll.border_title = Text(found.title)
            scroll.border_subtitle = "? the keys   esc closes"
            yield Label(AWAITED, id="awaited", markup=False)
            yield Label(found.ascii if is_ascii else found.formula, classes="formula", markup=False)
            for line in found.lines:
                yield Label(in_ascii(line) if is_ascii else line, markup=False)

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look)
        self._look()

    def _look(self) -> None:
        self.query_one("#awaited").display = not self._is_seen()

    def action_keys(self) -> None:
        self.dismiss(None)
        self.app.call_later(self.app.run_action, "app.keys")


GREEK = str.maketrans(
    {"β": "beta", "ε": "eps", "ᾱ": "a", "²": "^2", "ₜ": "_t", "μ": "mu", "σ": "sigma", "Ω": "W", "ä": "a"}
)


def in_ascii(line: str) -> str:
    """The line with its Greek letters by their names."""
    return to_ascii(line.translate(GREEK))
