"""The command palette: every action of the screen below it with its key, runs by their names, themes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher

from core.text import printable
from tui.screens.base import BaseScreen
from tui.screens.help.keys import bindings_of

Command = tuple[str, Callable[[], object]]


class KeyCommands(Provider):
    """Finds a key by what it does, and presses it."""

    def _commands(self) -> Iterator[Command]:
        for binding in bindings_of(self.screen):
            name = f"{binding.tooltip}  ({self.app.get_key_display(binding)})"
            yield name, partial(self.app.simulate_key, binding.key)

    async def discover(self) -> Hits:
        for name, act in self._commands():
            yield DiscoveryHit(Content(name), act)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, act in self._commands():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, _highlighted(matcher, name), act)


class RunCommands(Provider):
    """Finds a run by its name, to open it or what else the screen does with runs."""

    async def startup(self) -> None:
        screen = self.screen
        self._commands: list[Command] = []
        if isinstance(screen, BaseScreen):
            runs = await asyncio.to_thread(screen.shared.find_runs)
            for run in runs:
                self._commands += [(f"{what} {printable(run.name)}", act) for what, act in screen.what_runs_do(run)]

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, act in self._commands:
            if (score := matcher.match(name)) > 0:
                yield Hit(score, _highlighted(matcher, name), act)


class ThemeCommands(Provider):
    """Finds a theme by its name."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for theme in self.app.available_themes:
            if (score := matcher.match(f"theme {theme}")) > 0:
                yield Hit(score, _highlighted(matcher, f"theme {theme}"), partial(_choose_theme, self.app, theme))


def _highlighted(matcher: Matcher, name: str) -> Content:
    """As Textual's, which takes what stands in brackets for markup."""
    _, places = matcher.fuzzy_search.match(matcher.query, name)
    shown = Content(name)
    for place in places:
        shown = shown.stylize(matcher.match_style, place, place + 1)
    return shown


def _choose_theme(app: App[object], theme: str) -> None:
    app.theme = theme
