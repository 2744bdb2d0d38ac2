"""A list of runs with a pane beside it, where there is room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from tui.screens.runs.listing.arranging import ArrangedList
from tui.screens.selection import Shared

if TYPE_CHECKING:
    from core.runs.run import Run
    from tui.screens.runs.listing.arrangement import Row
    from tui.screens.runs.listing.preview import PreviewPane
    from tui.screens.runs.training import PicturesReader

WIDE = 100  # cells, from which on there is room for both


class PreviewedList(ArrangedList):
    """`v` goes from the list alone to a pane with facts and curve, to one with reconstructions too, and back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "v",
            "next_view",
            "preview",
            tooltip="a pane with the run under the cursor; again: its reconstructions; again: none",
            id="runs.preview",
            show=False,
        ),
    ]

    def __init__(self, shared: Shared, pictures: Callable[[Run], PicturesReader] | None) -> None:
        super().__init__(shared)
        self._pictures = pictures
        self._pane: PreviewPane | None = None

    async def action_next_view(self) -> None:
        shown, pane = self.arrangement.preview, self._pane
        if self.size.width < WIDE:
            self.notify(f"the preview needs {WIDE} columns; enter opens the run", timeout=3, markup=False)
        elif not shown:
            self.list_as(replace(self.arrangement, preview=True))
        elif pane is not None and not pane.has_pictures and self._pictures is not None:
            await pane.show_pictures(True)
        else:
            if pane is not None:
                await pane.show_pictures(False)
            self.list_as(replace(self.arrangement, preview=False))

    def on_resize(self) -> None:
        if self._pane is not None or self.arrangement.preview:
            self.preview(self.row)

    def preview(self, row: Row | None) -> None:
        """Show this run, or folded runs, in the pane, where that is wanted and there is room."""
        wanted = self.arrangement.preview and self.size.width >= WIDE
        if wanted and self._pane is None and self._pictures is not None:
            from tui.screens.runs.listing.preview import PreviewPane

            self._pane = PreviewPane(self._pictures)
            self.query_one("#body").mount(self._pane)
        if self._pane is not None:
            self._pane.display = wanted
            if wanted:
                self._pane.show(row)
