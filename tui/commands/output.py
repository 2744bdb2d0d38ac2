"""What commands print, and the status they end with; what draws is loaded where something is drawn."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from core.text import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_TIME_LIMIT = 124  # as timeout(1) says of what it ended
EXIT_INTERRUPTED = 130  # as a shell says of what ctrl+c ended
ERASE = "\r\x1b[J"  # from the beginning of the line on, all that follows
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"  # the window may be narrower by the time that something is drawn


def echo(text: str) -> None:
    print(printable(text), flush=True)


def print_error(text: str) -> None:
    print(f"vae-tui: {printable(text)}", file=sys.stderr, flush=True)


def print_note(text: str) -> None:
    """What is worth knowing, and no error."""
    print(printable(text), file=sys.stderr, flush=True)


def print_version() -> None:
    from importlib.metadata import version

    print(f"vae-tui {version('vae-tui')}")


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=2))


class LowestLines:
    """Lines at the bottom of a terminal that are drawn over and over, below all that is printed meanwhile.

    The cursor waits at their beginning: where a window is narrowed and its terminal wraps them, all that became of them
    stands behind the cursor.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawn = False

    def draw(self, content: RenderableType) -> None:
        """Draw this in place of what the lines show: as many lines as fit, without the last column."""
        from rich.segment import Segment, Segments

        console, (width, height) = self._console, self._size()
        options = console.options.update(width=max(width - 1, 1), height=None)
        lines = console.render_lines(content, options, pad=False)[: max(height - 1, 1)]
        self.erase()
        with console.capture() as drawn:
            for number, line in enumerate(lines):
                ending = Segment("\n" if number < len(lines) - 1 else "\r")
                console.print(Segments([*line, ending]), end="", soft_wrap=True)
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._write(f"{NO_WRAP}{drawn.get()}{up}{WRAP}")
        self._drawn = True

    def erase(self) -> None:
        """Make room for something else to be printed."""
        if self._drawn:
            self._write(ERASE)
            self._drawn = False

    def _size(self) -> tuple[int, int]:
        """The columns and lines of the terminal: COLUMNS may be meant for the output, where that is none."""
        try:
            size = os.get_terminal_size(self._console.file.fileno())
        except OSError:
            return self._console.width, self._console.height
        return size.columns or self._console.width, size.lines or self._console.height

    def _write(self, code: str) -> None:
        self._console.file.write(code)
        self._console.file.flush()


def table_width() -> int | None:
    """The columns that a list may take: those of a terminal, or COLUMNS, as `watch` gives it; None without either."""
    from rich.console import Console

    console = Console()
    return (console.width or None) if console.is_terminal or os.environ.get("COLUMNS", "").isdigit() else None


def print_table(table: Table) -> None:
    """Fitted to a terminal; as wide as it needs where there is none, so that no line is cut."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000, color_system=None)
    console.print(table)
