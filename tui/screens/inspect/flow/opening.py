"""What the plane of a learned prior can do besides: have particles travel in it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.screens.inspect.flow.screen import FlowScreen
from tui.screens.moments.screen import TimeScreen


class PlaneScreen(TimeScreen):
    """Animates what there is to see in a plane: the training of a run, or the way of a learned prior from noise."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "a",
            "animate",
            "animate",
            tooltip="a learned prior: particles travel from noise to digits; others: play the training, or stop",
            id="latent.animate",
        ),
    ]

    def action_animate(self) -> None:
        if self.preset.learns_prior:
            self.app.push_screen(FlowScreen(self.shared, self.sources))
        else:
            super().action_animate()
