"""A screen of this app."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.screen import ModalScreen, Screen

if TYPE_CHECKING:
    from tui.app import VaeTui

Result = TypeVar("Result")


class AppScreen(Screen[Result]):
    """Knows its app by its own type."""

    @property
    def in_sight(self) -> bool:
        """Whether a user sees the screen, be it behind a dialog."""
        return self.is_active or (isinstance(self.app.screen, ModalScreen) and self in self.app.screen_stack)

    @property
    def vae_tui(self) -> VaeTui:
        return cast("VaeTui", self.app)
