"""The keys that act on a run: pause, stop, save, resume, delete and take back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.worker import get_current_worker

from tui.background.tasks import attempt
from tui.messages import RunDeleted, RunRestored
from tui.screens.base import BaseScreen
from tui.screens.dialogs import AskMoreEpochs, AskValue, Confirm
from tui.screens.runs.possible import NOTHING, able, named, why_not

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.requests import Action
    from core.runs.run import Run


class RunScreen(BaseScreen[None]):
    """A screen on which one run is chosen and can be acted on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "pause", tooltip="pause training, or resume a paused one", id="run.pause"),
        Binding("p", "unpause", "resume", tooltip="resume the paused training", id="run.pause"),
        Binding("space", "mark", "mark", tooltip="mark the run, or unmark it", id="run.mark", show=False),
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
            tooltip="delete the run, or all marked: move it to the trash (asks)",
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

    def targets(self) -> list[RunSummary]:
        """The runs that are paused, stopped, saved, resumed or deleted: several where several are marked."""
        chosen = self.chosen()
        return [chosen] if chosen else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in NOTHING:
            return True
        targets = self.targets()
        active = [target for target in targets if target.state is not None and target.state.active]
        paused = bool(active) and all(target.state == "paused" for target in active)
        if (action, paused) in (("pause", True), ("unpause", False)):
            return False  # the same key, so one of them only
        return bool(able(action, targets)) or None

    def say_why_not(self, action: str) -> bool:
        if self.check_action(action, ()) is None and (reason := why_not(action, self.targets())):
            self.notify(reason, severity="warning", timeout=4, markup=False)
            return True
        return False

    def action_mark(self) -> None:
        if chosen := self.chosen():
            self.shared.mark([chosen.run], chosen.run not in self.shared.marked)
            self.show_marks()

    def show_marks(self) -> None:
        """Runs were marked or unmarked."""
        count = len(self.shared.marked)
        self.notify(
            f"{count} marked; 6 compares them" if count else "no run is marked any more", timeout=2, markup=False
        )

    def action_pause(self) -> None:
        self._request(able("pause", self.targets()), "pause")

    def action_unpause(self) -> None:
        self._request(able("unpause", self.targets()), "resume")

    def action_save(self) -> None:
        runs = able("save", self.targets())
        for run in runs:
            self.shared.await_save(run)
        self._request(runs, "save")

    def tell_saved(self, summaries: Iterable[RunSummary]) -> None:
        """Say of which runs a save that was asked for is done."""
        for summary in filter(self.shared.was_saved, summaries):
            step = summary.status.saved_step or 0 if summary.status else 0
            self.notify(f"{summary.run.name} is saved, as it was after step {step:,}", timeout=4, markup=False)

    def action_stop(self) -> None:
        stopped = able("stop", self.targets())
        waiting = [run for run in stopped if run.queued]
        running = [run for run in stopped if not run.queued]

        def answered(yes: bool | None) -> None:
            if yes:
                self._request(running, "stop")
                self._leave_queue(waiting)

        stop = f"Save and stop {named(running)}?" if running else ""
        leave = f"Take {named(waiting)} out of the queue?" if waiting else ""
        if running:
            self.app.push_screen(Confirm(f"{stop} {leave}".strip(), "stop", "let it run"), answered)
        elif waiting:
            self.app.push_screen(Confirm(leave, "take out", "let it wait"), answered)

    def action_resume(self) -> None:
        match self.targets():
            case []:
                pass
            case [chosen]:
                self._resume_one(chosen)
            case several:
                self._resume_several(able("resume", several))

    def _resume_several(self, runs: list[RunSummary]) -> None:
        """Those that go on as they are; the others need an answer each."""
        asked = [run for run in runs if run.state == "finished" or (run.status and run.status.cause == "diverged")]
        rest = [run for run in runs if run not in asked]
        left_out = (
            f"{named(asked)} {'needs' if len(asked) == 1 else 'need'} an answer: resume each alone." if asked else ""
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self._request([run for run in rest if run.state == "paused"], "resume")
                self._resume([run for run in rest if run.state != "paused"], None)

        if rest:
            self.app.push_screen(Confirm(f"Resume {named(rest)}? {left_out}".strip(), "resume", "leave them"), answered)
        elif asked:
            self.notify(left_out, severity="warning", markup=False)

    def _resume_one(self, chosen: RunSummary) -> None:
        status = chosen.status or chosen.run.last_status()
        if chosen.state == "paused":
            self._request([chosen], "resume")
            return

        def farther(epochs: int | None) -> None:
            if epochs is not None:
                self._resume([chosen], epochs)

        def slower(rate: float | None) -> None:
            if rate is not None:
                self._resume([chosen], None, rate)

        if chosen.state == "finished":
            self.app.push_screen(AskMoreEpochs(chosen, status), farther)
        elif status.cause == "diverged" and status.learning_rate:
            question = (
                f"{chosen.run.name} diverged with learning rate {status.learning_rate:g}. "
                f"Go on from its last good state, step {status.saved_step or 0:,}, with learning rate:"
            )
            lower = f"{status.learning_rate / 10:g}"
            self.app.push_screen(AskValue(question, lower, parse_learning_rate), slower)
        else:
            self._resume([chosen], None)

    def action_delete(self) -> None:
        targets = able("delete", self.targets())
        active = [target for target in targets if target.state is not None and target.state.active]
        resting = [target for target in targets if target not in active]

        def answered(yes: bool | None) -> None:
            if yes:
                for run in resting:
                    self.hide_deleted(run.run)
                self._delete(resting)

        several = len(resting) > 1
        stays = f" {named(active)} {'goes' if len(active) == 1 else 'go'} on and stay." if active else ""
        if resting:
            what = "their" if several else "its"
            back = (
                "They move to the trash; u takes them back, one each time."
                if several
                else "It moves to the trash; u takes it back."
            )
            question = f"Delete {named(resting)} with {what} weights and curves? {back}{stays}"
            self.app.push_screen(Confirm(question, "delete", "keep them" if several else "keep it"), answered)
        elif active:
            verb, one = ("are active", "them") if len(active) > 1 else (f"is {active[0].state}", "it")
            self.notify(f"{named(active)} {verb}: stop {one} first", severity="warning", markup=False)

    def action_restore(self) -> None:
        deleted = self.shared.deleted
        while deleted and not deleted[-1].path.exists():  # it was taken back or removed in the trash
            deleted.pop()
        if deleted:
            self._restore(deleted.pop())
        else:
            self.notify("nothing is left to take back since the app was opened; D in the list shows the trash")

    def hide_deleted(self, run: Run) -> None:
        """The run is on its way to the trash: no key acts on it any more."""

    def show_again(self, run: Run) -> None:
        """The run is where it was."""

    @work(thread=True)
    def _request(self, runs: list[RunSummary], action: Action) -> None:
        from core.jobs import launch

        asked = [run for run in runs if attempt(self.app, partial(launch.send_request, run.run, action))]
        if asked:
            self.notify(f"asked {named(asked)} to {action}", timeout=2, markup=False)

    @work(thread=True)
    def _leave_queue(self, runs: list[RunSummary]) -> None:
        from core.jobs.queue.waiting import leave

        def take_out(run: Run) -> bool:
            leave(run)
            return True

        if left := [run for run in runs if attempt(self.app, partial(take_out, run.run))]:
            self.notify(f"took {named(left)} out of the queue; r trains", timeout=2, markup=False)

    @work(thread=True)
    def send_learning_rate(self, chosen: RunSummary, rate: float) -> None:
        """Have the trainer of the run go on with that rate."""
        from core.jobs import launch

        if attempt(self.app, lambda: launch.send_learning_rate(chosen.run, rate)):
            self.notify(f"asked {chosen.run.name} to go on with learning rate {rate:g}", timeout=2, markup=False)

    @work(thread=True)
    def _resume(self, runs: list[RunSummary], epochs: int | None, learning_rate: float | None = None) -> None:
        from core.jobs import launch

        leaving = get_current_worker()
        for run in runs:
            trainer = partial(launch.resume, run.run, epochs, learning_rate, data_dir=self.shared.data_dir)
            started = attempt(self.app, lambda: trainer().wait_until_started(told_to_stop=lambda: leaving.is_cancelled))  # noqa: B023
            if started and (unguarded := run.run.last_status().unguarded):
                self.notify(f"{run.run.name}: {unguarded}", severity="warning", markup=False)

    @work(thread=True)
    def _delete(self, runs: list[RunSummary]) -> None:
        from core.trash import discard

        for run in runs:
            if in_trash := attempt(self.app, partial(discard, run.run)):
                self.post_message(RunDeleted(run.run, in_trash))
            else:
                self.app.call_from_thread(self.show_again, run.run)

    @work(thread=True)
    def _restore(self, deleted: Run) -> None:
        from core.trash import restore

        if restored := attempt(self.app, lambda: restore(deleted)):
            self.post_message(RunRestored(restored))
            self.notify(f"{restored.name} is back", timeout=2, markup=False)


def parse_learning_rate(text: str) -> float:
    """The learning rate as typed. Raises ConfigError."""
    from core.runs.config import check_values

    return check_values(learning_rate=text).learning_rate
