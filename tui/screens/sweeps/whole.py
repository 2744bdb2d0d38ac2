"""What is done to all runs of a sweep at once: they are stopped, or what is left of them waits in the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from core.errors import UserError, describe
from core.runs.catalog import RunSummary
from core.runs.choosing.outcome import Outcome
from core.runs.run import Run
from core.runs.status import State
from tui import formatting
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Confirm
from tui.screens.following import Follower
from tui.screens.selection import Shared

QUEUE_SECONDS = 5.0  # with somebody else who starts runs
REASONS = {
    "stop": "none of its runs trains or waits",
    "resume": "nothing is left: each of its runs has finished, trains or waits",
}


class WholeSweep(BaseScreen[None]):
    """A screen that follows a sweep, all runs of which are stopped or resumed by one key."""

    WHOLE_KEYS: ClassVar[list[BindingType]] = [
        Binding("s", "stop", "stop", tooltip="stop the whole sweep: save and stop, none waits (asks)", id="sweep.stop"),
        Binding("r", "resume", "resume", tooltip="have all that is left wait in the queue", id="sweep.resume"),
    ]

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.found: Outcome | None = None
        self._follower: Follower[Outcome] = self.add_follower(self.show_outcome)

    def show_outcome(self, found: Outcome) -> None:
        """Show what it came to so far."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop":
            return any(self._active_and_waiting()) or None
        if action == "resume":
            return bool(self.found and self.found.left) or None
        return super().check_action(action, parameters)

    def say_why_not(self, action: str) -> bool:
        if action not in REASONS:
            return super().say_why_not(action)
        self.notify(REASONS[action], severity="warning", timeout=4, markup=False)
        return True

    def _active_and_waiting(self) -> tuple[list[RunSummary], list[RunSummary]]:
        runs = [trial.summary for trial in self.found.trials] if self.found else []
        return [run for run in runs if run.is_active], [run for run in runs if run.state is State.QUEUED]

    @property
    def waits_in_vain(self) -> bool:
        """Whether some of its runs wait in a queue that is paused."""
        return self.shared.selection.queue_paused and bool(self._active_and_waiting()[1])

    def action_stop(self) -> None:
        active, waiting = self._active_and_waiting()

        def answered(yes: bool | None) -> None:
            if yes:
                self._stop([run.run for run in active], [run.run for run in waiting])

        said = f"Save and stop {formatting.count(len(active), 'run')}" if active else "Stop the sweep"
        waits = f", and take {formatting.count(len(waiting), 'run')} out of the queue" if waiting else ""
        self.app.push_screen(Confirm(f"{said}{waits}?", "stop", "let it run"), answered)

    @work(thread=True)
    def _stop(self, active: Sequence[Run], waiting: Sequence[Run]) -> None:
        from core.jobs import launch
        from core.jobs.queue.waiting import leave

        for run in waiting:
            self._try(lambda: leave(run))  # noqa: B023 - done at once
        for run in active:
            self._try(lambda: launch.send_request(run, "stop"))  # noqa: B023
        self.app.call_from_thread(self._follower.poll_now)

    def action_resume(self) -> None:
        if self.found:
            self._resume([run.run for run in self.found.left])

    @work(thread=True)
    def _resume(self, left: Sequence[Run]) -> None:
        from core.jobs import launch
        from core.jobs.queue.starting import start_waiting
        from core.jobs.queue.waiting import enqueue

        def enter(run: Run) -> None:
            launch.prepare_resume(run, data_dir=self.shared.data_dir)
            enqueue(run, data_dir=self.shared.data_dir)

        for run in left:
            self._try(lambda: enter(run))  # noqa: B023
        self._try(lambda: start_waiting([self.shared.runs_dir], QUEUE_SECONDS))
        self.notify(f"{formatting.count(len(left), 'run')} put into the queue", timeout=2)
        self.app.call_from_thread(self._follower.poll_now)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (UserError, OSError) as error:
            self.notify(describe(error), severity="error", markup=False)
