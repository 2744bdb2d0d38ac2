"""What commands print, and the status they end with."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from core.text import printable

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # as a shell says of what ctrl+c ended


def echo(text: str) -> None:
    print(printable(text), flush=True)


def print_error(text: str) -> None:
    print(f"vae-tui: {printable(text)}", file=sys.stderr, flush=True)


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=2))


def print_table(table: Table) -> None:
    """Fitted to a terminal; as wide as it needs where there is none, so that no line is cut."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000, color_system=None)
    console.print(table)
