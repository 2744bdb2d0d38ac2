"""The keys of what is seen: of the pane in focus, of its screen, of all screens; from their declarations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from tui.screens.dialogs import Dialog, ScrolledText
from tui.tables import PlainTable

EVERYWHERE = "everywhere"
WIDE = 100  # cells, in which there is room for the ids of actions too


def bindings_of(screen: Screen[Any]) -> list[Binding]:
    """What can be done now and is declared with its meaning, once for each action."""
    return [binding for _, bindings in _by_node(screen) for binding in bindings]


def _by_node(screen: Screen[Any]) -> Iterator[tuple[DOMNode, list[Binding]]]:
    """The pane in focus, what it lies in, the screen and the app, each with what it declares."""
    found: dict[DOMNode, dict[str, Binding]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.enabled and binding.id and binding.tooltip and not binding.system:
            found.setdefault(active.node, {}).setdefault(binding.id, binding)
    for node in sorted(found, key=lambda node: isinstance(node, App)):
        yield node, list(found[node].values())


def about(node: DOMNode) -> tuple[str, str]:
    """What a pane or a screen is called and what is there: its `ABOUT`, before the colon and after it."""
    if isinstance(node, App):
        return EVERYWHERE, ""
    title, _, rest = str(getattr(node, "ABOUT", "")).partition(": ")
    return title, rest


class Keys(Dialog[None]):
    """All keys of the screen below."""

    DEFAULT_CSS = "Keys ScrolledText { width: 100; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", id="keys.close"),
        Binding("X", "explain", id="keys.explain", show=False),
    ]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self.sections = [(about(node), bindings) for node, bindings in _by_node(below)]

    def compose(self) -> ComposeResult:
        parts: list[Text | PlainTable] = []
        for (title, said), bindings in self.sections:
            if title:
                parts.append(Text.assemble((title, "bold underline"), f"  {said}" if said else ""))
            parts.append(self._table(bindings))
        with ScrolledText() as scroll:
            scroll.border_title = "keys"
            scroll.border_subtitle = "X explains what is seen   esc closes"
            yield Static(Group(*parts), markup=False)

    def action_explain(self) -> None:
        self.dismiss(None)
        self.app.call_later(self.app.run_action, "app.explain")

    def _table(self, bindings: list[Binding]) -> PlainTable:
        table = PlainTable(
            box=None, padding=(0, 2), collapse_padding=True, show_header=False, pad_edge=False, expand=True
        )
        table.add_column(no_wrap=True, min_width=7)
        table.add_column(ratio=1)
        wide = self.app.size.width >= WIDE
        for binding in bindings:
            identity = [Text(binding.id or "", style="dim")] if wide else []
            table.add_row(Text(self.app.get_key_display(binding), style="bold"), Text(binding.tooltip), *identity)
        return table
