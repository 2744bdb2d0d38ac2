"""A screen that shows another run beside the selected one: which runs there are is found out off the UI thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.runs.run import Run
from tui.background.tasks import LatestTaskQueue, show_in_app
from tui.screens.dialogs import ChooseRun
from tui.screens.explore_base import ExploreSources
from tui.screens.moments.screen import TimeScreen
from tui.screens.selection import Shared

Then = Callable[[list[Run]], object]


class ComparingScreen(TimeScreen):
    """Reads all runs where it must know with which the selected one can be compared: thousands take long."""

    def __init__(self, shared: Shared, sources: ExploreSources, other_runs: Callable[[Run], list[Run]]) -> None:
        super().__init__(shared, sources)
        self._other_runs = other_runs
        self._looks: LatestTaskQueue | None = None  # which do not wait for what models answer

    def compare_with(self, run: Run) -> None:
        """Show this one beside the selected run."""
        raise LookupError(f"{type(self).__name__} compares nothing")

    @property
    def is_busy(self) -> bool:
        return super().is_busy or (self._looks is not None and self._looks.busy)

    def look_for_others(self, kind: str, then: Then) -> None:
        """Go on with the runs that the selected one can be compared with, the best one first, if it is selected yet.

        Of the same kind the newest counts.
        """
        run = self.selected_run
        if run is None:
            return

        def look() -> None:
            others = self._other_runs(run)
            self.call_later(self._go_on, run, others, then)

        self._looks = self._looks or LatestTaskQueue(partial(show_in_app, self.app))
        self._looks.submit(kind, look)

    def _go_on(self, run: Run, others: list[Run], then: Then) -> None:
        if run == self.selected_run:
            then(others)

    def on_unmount(self) -> None:
        if self._looks is not None:
            self._looks.close()

    def action_choose_other(self) -> None:
        self.look_for_others("choice", self._choose_among)

    def _choose_among(self, others: list[Run]) -> None:
        def answered(run: Run | None) -> None:
            if run is not None:
                self.compare_with(run)

        if self.is_active:
            self.app.push_screen(ChooseRun("Compare with", others), answered)
