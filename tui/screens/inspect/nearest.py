"""Is a sample a copy? The training images nearest to it, to be looked at beside it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Label

from core.explorer.results import Neighbours
from tui import formatting
from tui.widgets.gallery import Gallery

COUNT = 4


class NearestImages(Vertical):
    """As many as there is room for, each with its class and how far its pixels are."""

    DEFAULT_CSS = """
    NearestImages { width: 16; padding: 0 0 0 1; }
    NearestImages Label { height: 2; color: $text-muted; }
    NearestImages Gallery { height: 1fr; }
    """

    def compose(self) -> ComposeResult:
        yield Label("nearest\ntraining images", markup=False)
        yield Gallery(at_least=COUNT)

    def show(self, found: Neighbours) -> None:
        """Those of one image."""
        self.query_one(Gallery).show(found.images[0][:, None], formatting.neighbours(found)[0])

    def clear(self) -> None:
        """Show none."""
        self.query_one(Gallery).show_message("")
