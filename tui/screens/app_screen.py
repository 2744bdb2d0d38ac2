"""A screen of this app."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.screen import ModalScreen, Screen

if TYPE_CHECKING:
    from tui.app import VaeTui


Result = TypeVar("Result")
SCREENS = ("runs", "training", "reconstruct", "sample", "latent", "compare", "evaluate")  # keys 1 to 7


class AppScreen(Screen[Result]):
    """Knows its app by its own type."""

    def on_unmount(self) -> None:
        # Who watches the app is held by it, closed or not, until what is watched is set anew.
        app = type(self.vae_tui)
        self.vae_tui.mutate_reactive(app.selected_run)
        self.vae_tui.mutate_reactive(app.graphics_shown)

    @property
    def in_sight(self) -> bool:
        """Whether a user sees the screen, be it behind a dialog."""
        return self.is_active or (isinstance(self.app.screen, ModalScreen) and self in self.app.screen_stack)

    @property
    def vae_tui(self) -> VaeTui:
        return cast("VaeTui", self.app)
