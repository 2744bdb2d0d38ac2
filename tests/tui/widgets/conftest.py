"""What is refreshed of a widget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from textual.geometry import Region
from textual.widget import Widget


@contextmanager
def refreshed(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Region]]:
    """The regions that are refreshed meanwhile; the whole widget stands as an empty region."""
    regions: list[Region] = []
    original = widget.refresh

    def refresh(*dirty: Region, **options: bool) -> Widget:
        regions.extend(dirty or [Region()])
        return original(*dirty, **options)

    with monkeypatch.context() as patch:
        patch.setattr(widget, "refresh", refresh)
        yield regions
