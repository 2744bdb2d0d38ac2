"""Tables whose words are words: rich's own read what stands in brackets, as in the name of a run, as markup."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


class PlainTable(Table):
    """Takes each str, be it a heading or a cell, for the characters that it has."""

    def add_column(self, header: RenderableType = "", *more: Any, **look: Any) -> None:
        super().add_column(_plain(header), *more, **look)

    def add_row(self, *cells: RenderableType | None, **look: Any) -> None:
        super().add_row(*map(_plain, cells), **look)


def _plain(cell: Any) -> Any:
    return Text(cell) if isinstance(cell, str) else cell
