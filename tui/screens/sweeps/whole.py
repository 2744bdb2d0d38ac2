"""What is done to all runs of a sweep at once: they are stopped, or what is left of them waits in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from core.runs.catalog import RunSummary
from core.runs.choosing.outcome import Outcome
from core.runs.run import Run
from core.runs.status import State
from tui import formatting
from tui.background.tasks import attempt
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
            return bool(self.found and self.found.going) or None
        if action == "resume":
            return bool(self.found and self.found.left) or None
        return super().check_action(action, parameters)

    def say_why_not(self, action: str) -> bool:
        if action not in REASONS:
            return super().say_why_not(action)
        self.notify(REASONS[action], severity="warning", timeout=4, markup=False)
        return True

    @property
    def waits_in_vain(self) -> bool:
        """Whether some of its runs wait in a queue that is paused."""
        waits = self.found is not None and any(run.state is State.QUEUED for run in self.found.going)
        return self.shared.selection.queue_paused and waits

    def action_stop(self) -> None:
        going = self.found.going if self.found else []

        def answered(yes: bool | None) -> None:
            if yes:
                self._stop(going)

        waiting = sum(run.state is State.QUEUED for run in going)
        trained = formatting.count(len(going) - waiting, "run")
        said = f"Save and stop {trained}, and begin no other" if waiting < len(going) else "Stop the sweep"
        waits = f", and take {formatting.count(waiting, 'run')} out of the queue" if waiting else ""
        self.app.push_screen(Confirm(f"{said}{waits}?", "stop", "let it run"), answered)

    @work(thread=True)
    def _stop(self, going: Sequence[RunSummary]) -> None:
        from core.jobs.sweep import stop_member

        for run in going:
            attempt(self.app, lambda: stop_member(run))  # noqa: B023 - done at once
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
            attempt(self.app, lambda: enter(run))  # noqa: B023
        attempt(self.app, lambda: start_waiting([self.shared.runs_dir], QUEUE_SECONDS))
        self.notify(f"{formatting.count(len(left), 'run')} put into the queue", timeout=2, markup=False)
        self.app.call_from_thread(self._follower.poll_now)
