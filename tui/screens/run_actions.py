"""The keys that act on a run: pause, stop, save, resume, delete and take back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import work
from textual.binding import Binding, BindingType
from textual.worker import get_current_worker

from core.errors import describe
from tui import formatting
from tui.messages import RunDeleted, RunRestored
from tui.screens.base import BaseScreen
from tui.screens.dialogs import AskNumber, AskValue, Confirm

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.requests import Action
    from core.runs.run import Run

Result = TypeVar("Result")


class RunScreen(BaseScreen[None]):
    """A screen on which one run is chosen and can be acted on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "pause", tooltip="pause training, or resume a paused one", id="run.pause"),
        Binding("p", "unpause", "resume", tooltip="resume the paused training", id="run.unpause"),
        Binding("space", "mark", "mark", tooltip="mark the run, for 6, or unmark it", id="run.mark", show=False),
        Binding("s", "stop", "stop", tooltip="save and stop training (asks)", id="run.stop"),
        Binding("w", "save", "save", tooltip="save the weights now", id="run.save"),
        Binding(
            "r",
            "resume",
            "resume",
            tooltip="go on with a run that is paused, stopped, lost, failed or finished",
            id="run.resume",
        ),
        Binding(
            "d",
            "delete",
            "delete",
            tooltip="delete the run: move it to the trash (asks)",
            id="run.delete",
            show=False,
        ),
        Binding(
            "u",
            "restore",
            "undo",
            tooltip="take back the run that was deleted last",
            id="run.restore",
            show=False,
        ),
    ]

    def chosen(self) -> RunSummary | None:
        """The run that keys act on."""
        raise LookupError(f"{type(self).__name__} does not say which run is chosen")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("pause", "unpause", "stop", "save", "set_rate", "resume", "delete"):
            return True
        chosen = self.chosen()
        paused = chosen is not None and chosen.state == "paused"
        if (action, paused) in (("pause", True), ("unpause", False)):
            return False  # the same key, so one of them only
        if chosen is None or chosen.read_only:
            return None
        active = chosen.state is not None and chosen.state.active
        possible = {
            "pause": active,
            "unpause": active,
            "stop": active,
            "save": active,
            "set_rate": active,
            "resume": paused or (not active and chosen.state is not None),
            "delete": not chosen.gone,
        }
        return possible[action] or None

    def action_mark(self) -> None:
        if chosen := self.chosen():
            self.shared.mark([chosen.run], chosen.run not in self.shared.marked)
            self.show_marks()

    def show_marks(self) -> None:
        """Runs were marked or unmarked."""
        count = len(self.shared.marked)
        self.notify(f"{count} marked; 6 compares them" if count else "no run is marked any more", timeout=2)

    def action_pause(self) -> None:
        if chosen := self.chosen():
            self._request(chosen, "pause")

    def action_unpause(self) -> None:
        if chosen := self.chosen():
            self._request(chosen, "resume")

    def action_save(self) -> None:
        if chosen := self.chosen():
            self._request(chosen, "save")

    def action_stop(self) -> None:
        chosen = self.chosen()
        if chosen is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._request(chosen, "stop")

        self.app.push_screen(Confirm(f"Save and stop {chosen.run.name}?", "stop", "let it run"), answered)

    def action_resume(self) -> None:
        chosen = self.chosen()
        if chosen is None:
            return
        status = chosen.status or chosen.run.last_status()
        if chosen.state == "paused":
            self._request(chosen, "resume")
            return

        def farther(epochs: int | None) -> None:
            if epochs is not None:
                self._resume(chosen, epochs)

        def slower(rate: float | None) -> None:
            if rate is not None:
                self._resume(chosen, None, rate)

        from core.runs.settings import EPOCHS_LIMIT

        done = status.epoch
        if chosen.state == "finished":
            question = f"{chosen.run.name} has done its {formatting.count(done, 'epoch')}. Train to epoch:"
            self.app.push_screen(AskNumber(question, 2 * done, done + 1, EPOCHS_LIMIT), farther)
        elif status.cause == "diverged" and status.learning_rate:
            question = (
                f"{chosen.run.name} diverged with learning rate {status.learning_rate:g}. "
                f"Go on from its last good state, step {status.saved_step or 0:,}, with learning rate:"
            )
            lower = f"{status.learning_rate / 10:g}"
            self.app.push_screen(AskValue(question, lower, parse_learning_rate), slower)
        else:
            self._resume(chosen, None)

    def action_delete(self) -> None:
        chosen = self.chosen()
        if chosen is None:
            return
        if chosen.state is not None and chosen.state.active:
            self.notify(f"{chosen.run.name} is {chosen.state}: stop it first", severity="warning", markup=False)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.hide_deleted(chosen.run)
                self._delete(chosen)

        question = f"Delete {chosen.run.name} with its weights and curves? It moves to the trash; u takes it back."
        self.app.push_screen(Confirm(question, "delete"), answered)

    def action_restore(self) -> None:
        if self.shared.deleted:
            self._restore(self.shared.deleted.pop())
        else:
            self.notify("nothing was deleted since the app was opened; vae-tui runs --trash lists what was before")

    def hide_deleted(self, run: Run) -> None:
        """The run is on its way to the trash: no key acts on it any more."""

    def show_again(self, run: Run) -> None:
        """The run is where it was."""

    @work(thread=True)
    def _request(self, chosen: RunSummary, action: Action) -> None:
        from core.jobs import launch

        if self._try(lambda: launch.send_request(chosen.run, action)):
            self.notify(f"asked {chosen.run.name} to {action}", timeout=2, markup=False)

    @work(thread=True)
    def send_learning_rate(self, chosen: RunSummary, rate: float) -> None:
        """Have the trainer of the run go on with that rate."""
        from core.jobs import launch

        if self._try(lambda: launch.send_learning_rate(chosen.run, rate)):
            self.notify(f"asked {chosen.run.name} to go on with learning rate {rate:g}", timeout=2, markup=False)

    @work(thread=True)
    def _resume(self, chosen: RunSummary, epochs: int | None, learning_rate: float | None = None) -> None:
        from core.jobs import launch

        leaving = get_current_worker()
        trainer = partial(launch.resume, chosen.run, epochs, learning_rate, data_dir=self.shared.data_dir)
        started = self._try(lambda: trainer().wait_until_started(told_to_stop=lambda: leaving.is_cancelled))
        if started and (unguarded := chosen.run.last_status().unguarded):
            self.notify(f"{chosen.run.name}: {unguarded}", severity="warning", markup=False)

    @work(thread=True)
    def _delete(self, chosen: RunSummary) -> None:
        from core.trash import discard

        if in_trash := self._try(lambda: discard(chosen.run)):
            self.post_message(RunDeleted(chosen.run, in_trash))
        else:
            self.app.call_from_thread(self.show_again, chosen.run)

    @work(thread=True)
    def _restore(self, deleted: Run) -> None:
        from core.trash import restore

        if restored := self._try(lambda: restore(deleted)):
            self.post_message(RunRestored(restored))
            self.notify(f"{restored.name} is back", timeout=2, markup=False)

    def _try(self, act: Callable[[], Result]) -> Result | None:
        """What comes of it, off the UI thread; a refusal is shown in one line."""
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - no failure of an action ends the app
            self.notify(describe(error), severity="error", markup=False)
            return None


def parse_learning_rate(text: str) -> float:
    """The learning rate as typed. Raises ConfigError."""
    from core.runs.config import check_values

    return check_values(learning_rate=text).learning_rate
