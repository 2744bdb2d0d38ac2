"""Terminals that are closed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.drawing_terminal import (
    DrawingTerminal,
    OpenTerminal,
)


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[OpenTerminal]:
    opened: list[DrawingTerminal] = []

    def open_one(program: str, *arguments: str, **options: Any) -> DrawingTerminal:
        opened.append(DrawingTerminal(program, *arguments, folder=tmp_path, **options))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.__exit__(None, None, None)
