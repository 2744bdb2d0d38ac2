"""The bar on top: the screens there are and the run that is shown."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

SCREENS = (
    ("1", "runs"),
    ("2", "training"),
    ("3", "reconstruct"),
    ("4", "sample"),
    ("5", "latent"),
    ("6", "compare"),
    ("7", "evaluate"),
)


class TopBar(Static):
    """The screens there are and, on the right, the run that is shown."""

    DEFAULT_CSS = "TopBar { dock: top; height: 1; background: $panel; text-wrap: nowrap; }"

    def __init__(self, shown: str) -> None:
        super().__init__()
        self._shown = shown
        self._run = Text()

    def show_run(self, name: str, state: Text) -> None:
        """Put a run on the right."""
        self._run = Text.assemble((name, "bold"), "  ", state)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        full = Text.assemble((" vae-tui ", "bold"))
        short = Text()
        for number, title in SCREENS:
            here = title == self._shown
            style = "reverse" if here else ""
            full.append(f" {number} {title} ", style)
            short.append(f" {number} {title} " if here else f" {number} ", style)
        needed = self._run.cell_len + 2
        bar = full if full.cell_len + needed <= self.size.width else short
        bar.append(" " * max(1, self.size.width - bar.cell_len - needed + 1))
        self.update(bar + self._run)
