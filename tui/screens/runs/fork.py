"""The form that forks a run: its settings are there, those that are part of its state as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.widgets import Select
from textual.worker import get_current_worker

from core.data import registry
from core.errors import ConfigError, UserError, describe
from core.jobs.forking import make_fork, save_before
from core.jobs.queue.waiting import enqueue
from core.runs.config import RunConfig
from core.runs.forks.choice import check_goal, first_rate, fork_settings, kept_settings, usual_goal
from core.runs.forks.moment import Moment, newest_moment, settings_now
from core.runs.forks.origin import epoch_words
from core.runs.keeping.names import stem_of
from core.runs.run import Run
from core.runs.settings import SETTINGS, as_text
from core.runs.snapshots.folder import snapshots_of
from core.text import printable
from tui import formatting
from tui.background.devices import check_device
from tui.messages import RunOpened
from tui.screens.base import BaseScreen
from tui.screens.runs.form.checking import name_problem, suggested_name
from tui.screens.runs.form.settings import PATH, Row, SettingsForm
from tui.screens.runs.new_run import NewRun

MOMENT = "moment"
LEADING = ("beta", "learning_rate", "schedule", "epochs")  # what forks are made for
NEWEST = "as it is: weights, Adam, random numbers, place in the epoch"
SNAPSHOT = "its weights only: with a fresh Adam and a seed of its own"


def open_fork(screen: BaseScreen[Any], run: Run, step: int | None = None) -> None:
    """Show the form over a screen, which then opens the fork, or say why the run has none."""

    def started(fork: Run | None) -> None:
        if fork is not None:
            screen.post_message(RunOpened(fork))
            if unguarded := fork.last_status().unguarded:
                screen.notify(f"{fork.name}: {unguarded}", severity="warning", markup=False)

    try:
        form = ForkRun(run, screen.shared.data_dir or registry.default_data_dir(), step)
    except (UserError, OSError) as error:
        screen.notify(describe(error), severity="error", markup=False)
    else:
        screen.app.push_screen(form, started)


class ForkRun(NewRun):
    """Asks from which moment a fork begins and with which settings, and starts it; the result is the fork, or None."""

    CSS = NewRun.CSS.replace("NewRun", "ForkRun")  # Textual reads it for the screen of that very name

    def __init__(self, run: Run, data_dir: Path, step: int | None = None) -> None:
        """Reads the run; the snapshot of that step is chosen, or what is newest.

        Raises RunError where it has no state to go on from, DamagedFile or OSError.
        """
        super().__init__(run.path.parent, data_dir)
        self._run, self._now = run, settings_now(run)
        newest = newest_moment(run)
        self._moments = {f"newest, epoch {epoch_words(newest.epoch)}": newest}
        for snapshot in reversed(snapshots_of(run)):
            moment = Moment(snapshot.step, snapshot.epoch, snapshot)
            self._moments[f"snapshot, epoch {epoch_words(moment.epoch)}"] = moment
        labels = [(label, label) for label in self._moments]
        chosen = next((label for label, moment in self._moments.items() if moment.step == step), labels[0][0])
        self._moment_field = Select(labels, value=chosen, allow_blank=False, compact=True, id=MOMENT)
        stays = {*kept_settings(snapshot=False), PATH}
        self._form = SettingsForm(Row(MOMENT, "begins from", self._moment_field), leading=LEADING, trailing=stays)
        self._wanted: dict[str, Any] = {}
        self._begins = ""  # with which learning rate

    @property
    def form_title(self) -> str:
        return f"fork of {printable(self._run.name)}"

    @property
    def _moment(self) -> Moment:
        return self._moments[str(self._moment_field.value)]

    def _refresh(self) -> RunConfig | None:
        """Follow what was chosen; the settings of the fork when nothing is wrong."""
        moment = self._moment
        of_snapshot = moment.snapshot is not None
        kept = kept_settings(snapshot=of_snapshot)
        goal = {"epochs": usual_goal(moment.epochs_done, self._now)}
        usual = fork_settings(self._now, goal, snapshot=of_snapshot)
        shown = {name: getattr(usual, name) for name in SETTINGS} | {"dataset": usual.typed_dataset}
        self._form.show_preset(usual.preset)
        self._form.show_defaults(shown)
        self._form.keep({name: as_text(shown[name]) for name in kept})
        if not self._named_by_user:
            self._form.run_name = self._suggested_name({})
        goal = goal if usual.epochs != self._now.epochs else {}
        self._wanted = goal | {name: value for name, value in self._form.chosen.items() if name not in kept}
        found: dict[str, str] = {}
        config, self._begins = None, ""
        try:
            config = fork_settings(self._now, self._wanted, snapshot=of_snapshot)
            self._begins = formatting.first_rate(
                first_rate(moment.epoch, config), epoch_words(moment.epoch), config.epochs
            )
            check_goal(self._run.name, moment.epochs_done, config)
        except ConfigError as error:
            found |= error.problems
        found |= name_problem(self._runs_dir, self._form.run_name)
        self._form.explain(found, self._hints())
        left = config and config.model_copy(update={"epochs": config.epochs - moment.epochs_done})
        self._show_cost(None if found else left)
        return None if found else config

    def _values(self) -> dict[str, Any]:
        return {}

    def _suggested_name(self, values: dict[str, Any]) -> str:
        return suggested_name(self._runs_dir, f"{stem_of(self._run.name)}-fork")

    def _hints(self) -> dict[str, str]:
        of_snapshot = self._moment.snapshot is not None
        kept = {name: f"stays: {reason}" for name, reason in kept_settings(snapshot=of_snapshot).items()}
        own = {MOMENT: SNAPSHOT if of_snapshot else NEWEST}
        if self._begins:
            own["learning_rate"] = f"Step size of Adam: begins with {self._begins}"
        return super()._hints() | kept | own

    def _make(self, config: RunConfig, name: str | None, queued: bool) -> Run:
        moment, closing = self._moment, get_current_worker()
        self._say(f"looking for device {config.device}")
        check_device(config.device, config.processes)
        registry.check_same(config.image_source, registry.locate(config.image_source, self._data_dir))
        if moment.snapshot is None and self._run.state().active:
            self._say(f"asking {self._run.name} to save")
            save_before(self._run)
        self._say("making the fork")
        epoch = moment.epoch if moment.snapshot else None
        made = make_fork(
            self._run,
            self._runs_dir,
            name,
            self._wanted,
            epoch,
            told_to_stop=lambda: closing.is_cancelled,
            warn=lambda text: self.notify(text, severity="warning", markup=False),
        )
        if queued:
            enqueue(made, data_dir=self._data_dir)
        self._begin(made, queued, self._data_dir)
        return made
