"""The app as its user set it: theme and keys."""

from __future__ import annotations

from textual._ansi_theme import MONOKAI

from core.text import printable
from tui.configuration.configuration import Configuration
from tui.configuration.settings import THEME
from tui.screens.help.key_ids import problems_of_keys
from tui.screens.selection import Shared
from tui.terminal.key_order import OrderedApp
from tui.terminal.themes import ANSI, COLOUR_BLIND

PROBLEM_SECONDS = 10.0


class ConfiguredApp(OrderedApp):
    """Takes what was set, and says in a line what cannot be."""

    shared: Shared

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(COLOUR_BLIND)

    def configure(self, configuration: Configuration) -> None:
        """Look and act as this says; for before the app runs."""
        self.shared.configuration = configuration
        if (name := configuration[THEME]) in self.available_themes:
            self.theme = name
        else:
            known = ", ".join(self.available_themes)
            configuration.problems.append(f"theme must be one of {known}, not {printable(name)[:60]}")
        self.set_keymap(configuration.keys)

    def on_mount(self) -> None:
        self.watch_theme(self.theme)
        for problem in self.shared.configuration.problems:
            self._say(problem)
        if self.shared.configuration.keys:  # which needs all screens: off the UI thread
            self.run_worker(self._check_keys, thread=True, group="keys")

    def _check_keys(self) -> None:
        for problem in problems_of_keys(self.shared.configuration.keys):
            self._say(f"config.toml: {problem}")

    def _say(self, problem: str) -> None:
        self.notify(problem, severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    def watch_theme(self, name: str) -> None:
        """Have words such as `failed` in the colours of the theme, and keep it."""
        self.ansi_theme_dark = ANSI if name == COLOUR_BLIND.name else MONOKAI
        if self.is_running:
            self.shared.remember(self.screen, {THEME: name})
