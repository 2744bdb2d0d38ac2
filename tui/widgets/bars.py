"""The bars of a screen: on top the screens and the run that is shown, at the bottom the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static


class Bar(Static):
    """One line, which is laid out once: what changes in it moves nothing else."""

    _line = Text()

    def show(self, line: Text) -> None:
        """Show this line; the same again costs nothing."""
        if line != self._line:
            self._line = line
            self.update(line, layout=False)


class TopBar(Bar):
    """The screens by their keys, as much of their names as fits, and on the right the run that is shown."""

    DEFAULT_CSS = "TopBar { dock: top; height: 1; background: $panel; text-wrap: nowrap; }"

    def __init__(self, screens: Sequence[str], shown: str) -> None:
        super().__init__()
        self._screens, self._shown = screens, shown
        self._run = Text()

    def show_run(self, name: str, state: Text) -> None:
        """Show a run on the right."""
        self._run = Text.assemble((name, "bold"), "  ", state)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        full = Text.assemble((" vae-tui ", "bold"))
        short = Text()
        for number, title in enumerate(self._screens, 1):
            here = title == self._shown
            style = "reverse" if here else ""
            full.append(f" {number} {title} ", style)
            short.append(f" {number} {title} " if here else f" {number} ", style)
        needed = self._run.cell_len + 2
        bar = full if full.cell_len + needed <= self.size.width else short
        bar.append(" " * max(1, self.size.width - bar.cell_len - needed + 1))
        self.show(bar + self._run)


# These always have room: who knows them finds the rest.
ALWAYS = ("keys", "quit")


class KeyLine(Bar):
    """The keys of the screen, as many as fit; a click presses one.

    Textual's Footer makes a widget for each key whenever one changes, and never frees them.
    """

    DEFAULT_CSS = """
    KeyLine {
        dock: bottom;
        height: 1;
        color: $footer-description-foreground;
        background: $footer-background;
        text-wrap: nowrap;
    }
    KeyLine > .key-line--key { color: $footer-key-foreground; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-line--key"}

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_resize(self) -> None:
        self._draw()

    def _changed(self, screen: Screen[object]) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_attached:
            return
        shown: dict[str, tuple[Binding, bool]] = {}
        # Those of the screen first: what is in focus on it has more of its own.
        active = sorted(self.screen.active_bindings.values(), key=lambda each: each.node is not self.screen)
        for _, binding, enabled, _ in active:
            # Where two keys do the same, the first one stands for both.
            if binding.show and binding.description not in {other.description for other, _ in shown.values()}:
                shown.setdefault(binding.action, (binding, enabled))
        keys = [(binding, self._key(binding, enabled)) for binding, enabled in shown.values()]
        room = self.size.width - sum(key.cell_len for binding, key in keys if binding.action in ALWAYS)
        line = Text()
        for binding, key in keys:
            if binding.action in ALWAYS or key.cell_len <= room:
                line.append_text(key)
                room -= key.cell_len * (binding.action not in ALWAYS)
        self.show(line)

    def _key(self, binding: Binding, enabled: bool) -> Text:
        style = self.get_component_rich_style("key-line--key", partial=True)
        key = Text.assemble((f" {self.app.get_key_display(binding)} ", style), f"{binding.description} ")
        if enabled:
            key.stylize(Style(meta={"@click": f"app.simulate_key({binding.key!r})"}))
        else:
            key.stylize("dim")
        return key
