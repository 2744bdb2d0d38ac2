"""What the plane of a learned prior can do in place of going through a training: have particles travel in it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.screens.inspect.flow.screen import FlowScreen
from tui.screens.moments.keys import PLAY
from tui.screens.moments.screen import TimeScreen


class PlaneScreen(TimeScreen):
    """Goes through the training of a run, or opens the flow of a learned prior, of which no moments are kept."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "flow", "flow", tooltip="have particles travel from noise to digits", id="latent.flow"),
        PLAY,
    ]

    def action_flow(self) -> None:
        self.app.push_screen(FlowScreen(self.shared, self.sources))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("flow", "animate", "moment", "moment_edge"):
            return self.preset.learns_prior == (action == "flow")
        return super().check_action(action, parameters)
