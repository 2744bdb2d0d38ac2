"""A screen that is opened for a close look and closed again."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from core.runs.run import Run
from tui import formatting
from tui.messages import Moment
from tui.screens.explore_base import ExploreScreen, ExploreSources
from tui.screens.selection import Shared


class DetailScreen(ExploreScreen):
    """Looks at something of one run at one moment, and closes when another run is selected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", tooltip="back to where this was opened", id="explore.back"),
    ]

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self._moment = shared.selection.moment

    @property
    def moment(self) -> Moment | None:
        return self._moment

    def set_heading(self, bold: str = "", rest: str = "", hint: str = "", short: str = "", brief: str = "") -> None:
        then = f"at {formatting.moment(self._moment.epoch)}" if self._moment else ""
        super().set_heading(bold, ", ".join(filter(None, (then, rest))), hint, short, brief)

    def change_run(self, run: Run | None) -> None:
        if self.selected_run is None:
            super().change_run(run)

    def on_replaced(self) -> None:
        self.call_later(self._leave)

    def on_screen_resume(self) -> None:
        if self.shared.selection.run != self.selected_run:
            self.call_later(self._leave)

    def _leave(self) -> None:
        if self.is_active:  # dismissing takes away whichever screen is on top
            self.dismiss(None)

    def action_back(self) -> None:
        self.dismiss(None)
