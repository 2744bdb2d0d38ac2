"""A screen of this app."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.screen import Screen

if TYPE_CHECKING:
    from tui.app import VaeTui

Result = TypeVar("Result")


class AppScreen(Screen[Result]):
    """Knows its app by its own type."""

    @property
    def vae_tui(self) -> VaeTui:
        return cast("VaeTui", self.app)
