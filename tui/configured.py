"""The app as its user set it: theme and keys."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from textual._ansi_theme import MONOKAI
from textual.driver import Driver
from textual.notifications import SeverityLevel

from core.text import printable
from tui.background.polling import Poller
from tui.configuration.configuration import Configuration
from tui.configuration.settings import NOTIFY, THEME
from tui.screens.help.key_ids import problems_of_keys
from tui.screens.selection import Shared
from tui.terminal.key_order import OrderedApp
from tui.terminal.notices import notice
from tui.terminal.output.counted import counting
from tui.terminal.output.exact import ExactApp
from tui.terminal.themes import ANSI, COLOUR_BLIND

if TYPE_CHECKING:
    from core.runs.alerts.rules import Alert

PROBLEM_SECONDS = 10.0
ALERT_SECONDS = 3.0  # between two looks


class ConfiguredApp(ExactApp, OrderedApp):
    """Takes what was set, and says in a line what cannot be."""

    shared: Shared
    _telling: Poller[list[tuple[str, Alert]]] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._seen_until: dict[tuple[str, str], float] = {}  # of a notice and its severity
        self.register_theme(COLOUR_BLIND)

    def get_driver_class(self) -> type[Driver]:
        return counting(super().get_driver_class())

    def configure(self, configuration: Configuration) -> None:
        """Look and act as this says; for before the app runs."""
        self.shared.configuration = configuration
        self.theme = configuration[THEME]
        self.set_keymap(configuration.keys)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """As Textual's, from any thread; what is said again while it is still seen does not come twice."""
        now, said = monotonic(), (message, severity)
        if self._seen_until.get(said, now) <= now:
            seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
            seen = {each: until for each, until in self._seen_until.items() if until > now}
            self._seen_until = seen | {said: now + seconds}
            super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def on_mount(self) -> None:
        self.watch_theme(self.theme)
        for problem in self.shared.configuration.problems:
            self._say(problem)
        if self.shared.configuration[NOTIFY] != "none":
            self._start_telling()
        if self.shared.configuration.keys:  # which needs all screens: off the UI thread
            self.run_worker(self._check_keys, thread=True, group="keys")

    def _check_keys(self) -> None:
        for problem in problems_of_keys(self.shared.configuration.keys):
            self._say(f"config.toml: {problem}")

    def _start_telling(self) -> None:
        """Tell of what goes wrong with a run, whichever screen is shown."""
        from tui.background.readers import AlertNews

        def tell(news: list[tuple[str, Alert]]) -> None:
            self.call_from_thread(self._tell, news)

        news = Poller(lambda: AlertNews(self.shared.runs_dir), tell, lambda error: None, ALERT_SECONDS)
        self._telling = news
        news.start()

    def _tell(self, news: list[tuple[str, Alert]]) -> None:
        for name, alert in news:
            text = printable(f"{name}: {alert.text}")
            self.notify(text, severity="warning" if alert.is_problem else "information", markup=False)
            if self._driver is not None:
                self._driver.write(notice(self.shared.configuration[NOTIFY], text))

    def on_unmount(self) -> None:
        if self._telling is not None:
            self._telling.close()

    def _say(self, problem: str) -> None:
        self.notify(problem, severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    def watch_theme(self, name: str) -> None:
        """Have words such as `failed` in the colours of the theme, and keep it."""
        self.ansi_theme_dark = ANSI if name == COLOUR_BLIND.name else MONOKAI
        if self.is_running:
            self.shared.remember(self.screen, {THEME: name})
