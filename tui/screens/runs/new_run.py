"""The form that starts a run: every field has a valid default, and a bad value is explained as it is typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Select
from textual.worker import get_current_worker

from core.data import registry
from core.errors import ConfigError, DamagedFile, RunError, UserError, describe
from core.jobs import launch
from core.runs.catalog import find_runs, unused_name
from core.runs.config import DEVICE_FORMS, PRESETS, RunConfig, check_name, check_values, default_of, stamp
from core.runs.first_stage import first_stage_settings, first_stage_weights
from core.runs.run import Run
from tui.widgets.bars import KeyLine

TYPED = ("epochs", "batch_size", "learning_rate", "seed", "device")
HINTS = {
    "first_stage": "the run whose latents the prior learns",
    "epochs": "passes over the training images; the post trains for 400",
    "batch_size": "images per step",
    "learning_rate": "step size of Adam",
    "seed": "the same seed gives the same run",
    "device": DEVICE_FORMS,
    "name": "the run's folder",
}


class Cancelled(Exception):
    """The form was closed while an image set was on its way."""


class Field(Input):
    """An input that keeps the order of keys which arrive at once, as they do over a slow connection.

    Textual hands letters to the input but a backspace to its bindings, which come to it later.
    """

    def key_backspace(self, event: events.Key) -> None:
        event.stop()
        self.action_delete_left()


class NewRun(ModalScreen[Run | None]):
    """Asks for the settings of a run and starts it; the result is the run, or None."""

    CSS = """
    NewRun { align: center middle; }
    NewRun VerticalScroll {
        width: 100%;
        max-width: 120;
        height: auto;
        max-height: 100%;
        padding: 0 1;
        background: $panel;
        border: round $accent;
    }
    NewRun .row { height: 1; margin-bottom: 1; }
    NewRun .row > Label { width: 15; }
    NewRun .row > Input, NewRun .row > Select { width: 24; }
    NewRun .row > .message {
        width: 1fr;
        padding-left: 2;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    NewRun .row > .message.problem { color: $text-error; text-wrap: wrap; }
    NewRun .row.wrong { height: auto; }
    NewRun #detail { height: 2; width: 100%; color: $text-muted; }
    NewRun #progress { height: auto; width: 100%; color: $text-warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "start training", priority=True, id="new_run.start"),
        Binding("escape", "cancel", "cancel", id="new_run.cancel"),
        Binding("tab", "app.focus_next", priority=True, show=False, id="new_run.next"),
        Binding("shift+tab", "app.focus_previous", priority=True, show=False, id="new_run.previous"),
        # Textual's own lists fail on these keys while a small window leaves them no room.
        Binding("pageup", "page(-1)", priority=True, show=False, id="new_run.page_up"),
        Binding("pagedown", "page(1)", priority=True, show=False, id="new_run.page_down"),
    ]

    def __init__(self, runs_dir: Path, data_dir: Path) -> None:
        super().__init__()
        self._runs_dir, self._data_dir = runs_dir, data_dir.absolute()
        self._named_by_user = False
        self._starting = False
        self._preset = "vae"
        self._first_stages: dict[str, dict[str, Any]] = {}

    def compose(self) -> ComposeResult:
        with VerticalScroll() as form:
            form.border_title = "new run"
            form.can_focus = False
            presets = Select(
                [(name, name) for name in PRESETS], value="vae", allow_blank=False, compact=True, id="preset"
            )
            yield from self._row("preset", presets)
            sets = Select(
                [(name, name) for name in registry.CHOICES],
                value="auto",
                allow_blank=False,
                compact=True,
                id="dataset",
            )
            yield from self._row("dataset", sets)
            stages = Select[str]([], prompt="no run has weights", compact=True, id="first_stage")
            yield from self._row("first_stage", stages)
            for field in TYPED:
                yield from self._row(field, Field(_default(self._preset, field), compact=True, id=field))
            yield from self._row("name", Field(self._suggested_name(), compact=True, id="name"))
            yield Label("", id="detail", markup=False)
            yield Label("", id="progress", markup=False)
        yield KeyLine()

    def _row(self, field: str, widget: Input | Select[str]) -> ComposeResult:
        title = "data set" if field == "dataset" else field.replace("_", " ")
        with Horizontal(classes="row", id=f"row-{field}"):
            yield Label(title, markup=False)
            yield widget
            yield Label("", classes="message", id=f"message-{field}", markup=False)

    def on_mount(self) -> None:
        self._turn_to(self._preset)
        self._check()

    # What was typed

    def _values(self) -> dict[str, Any]:
        typed = {field: self.query_one(f"#{field}", Input).value.strip() for field in TYPED}
        return typed | self._first_stage() | {"preset": self._preset, "dataset": self._dataset()}

    def _chosen_set(self) -> str:
        return str(self.query_one("#dataset", Select).value)

    def _dataset(self) -> str:
        """The set that the run will have: that of its first stage where it was not chosen."""
        stage = self._first_stage()
        if stage and self._chosen_set() == "auto":
            return str(stage["dataset"])
        return registry.resolve(self._chosen_set(), self._data_dir)

    def _first_stage(self) -> dict[str, Any]:
        """What a prior takes over from the run whose latents it learns; nothing for other presets."""
        chosen = str(self.query_one("#first_stage", Select).value)
        return self._first_stages.get(chosen, {}) if self._preset == "prior" else {}

    def _run_name(self) -> str:
        return self.query_one("#name", Input).value.strip()

    def _suggested_name(self) -> str:
        dataset = self._dataset() if self.is_mounted else registry.resolve("auto", self._data_dir)
        return unused_name(self._runs_dir, f"{self._preset}-{dataset}")

    def action_page(self, direction: int) -> None:
        """Scroll the form where the window does not show all of it."""
        form = self.query_one(VerticalScroll)
        form.scroll_relative(y=direction * form.size.height, animate=False)

    def on_select_changed(self, event: Select.Changed) -> None:
        if event.select.id == "preset":
            self._turn_to(str(event.value))
        if not self._named_by_user:
            with self.prevent(Input.Changed):
                self.query_one("#name", Input).value = self._suggested_name()
        self._check()
        self.on_descendant_focus()

    def _turn_to(self, preset: str) -> None:
        """Put the preset's own values where nobody typed others."""
        before, self._preset = self._preset, preset
        self.query_one("#row-first_stage").display = preset == "prior"
        if preset == "prior" and not self._first_stages:
            self._first_stages = dict(_first_stages(self._runs_dir))
            stages = self.query_one("#first_stage", Select)
            stages.set_options([(name, name) for name in self._first_stages])
            if self._first_stages:
                stages.value = next(iter(self._first_stages))
        with self.prevent(Input.Changed):
            for field in TYPED:
                typed = self.query_one(f"#{field}", Input)
                if typed.value == _default(before, field):
                    typed.value = _default(preset, field)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "name":
            self._named_by_user = event.value != self._suggested_name()
        self._check()

    def on_input_submitted(self) -> None:
        self.focus_next()

    def _check(self) -> RunConfig | None:
        """Explain every bad value beside its field; the configuration when there is none."""
        found: dict[str, str] = {}
        config = None
        try:
            config = check_values(**self._values())
        except ConfigError as error:
            found |= error.problems
        try:
            if (self._runs_dir / check_name(self._run_name())).exists():
                found["name"] = f"{self._run_name()} exists already"
        except ConfigError as error:
            found |= error.problems
        self._explain(found)
        return None if found else config

    def _explain(self, problems: dict[str, str]) -> None:
        """What is wrong beside its field, what it means beside the others."""
        for field, hint in self._hints().items():
            message = self.query_one(f"#message-{field}", Label)
            message.update(problems.get(field, hint))
            message.set_class(field in problems, "problem")
            self.query_one(f"#row-{field}").set_class(field in problems, "wrong")

    def _hints(self) -> dict[str, str]:
        return HINTS | {
            "preset": PRESETS[self._preset],
            "dataset": self._set_hint(),
        }

    def on_descendant_focus(self) -> None:
        field = self.focused.id if self.focused else None
        self.query_one("#detail", Label).update(self._hints().get(field or "", ""))

    def _set_hint(self) -> str:
        chosen = self._chosen_set()
        if chosen == "auto" and self._first_stage():
            return f"{self._dataset()}, as the first stage"
        if chosen == "auto":
            return registry.explain_auto(self._data_dir)
        if registry.is_on_disk(chosen, self._data_dir):
            return "on disk"
        return f"is downloaded to {self._data_dir} first"

    # Starting

    def action_cancel(self) -> None:
        self.workers.cancel_all()
        self.dismiss(None)

    def action_start(self) -> None:
        config = self._check()
        if config is None or self._starting:
            self.app.bell()
            return
        self._starting = True
        self._start(config, self._run_name())

    @work(thread=True, exit_on_error=False)
    def _start(self, config: RunConfig, name: str) -> None:
        try:
            run = self._make(config, name)
        except Cancelled:
            return
        except ConfigError as error:
            self.app.call_from_thread(self._refuse, "", error.problems)
        except (UserError, OSError) as error:
            self.app.call_from_thread(self._refuse, describe(error))
        else:
            self.app.call_from_thread(self.dismiss, run)

    def _make(self, config: RunConfig, name: str) -> Run:
        if config.device not in ("auto", "cpu"):
            self._say(f"looking for {config.device}")
            from core.training import devices

            devices.resolve(config.device)
        if not registry.is_on_disk(config.dataset, self._data_dir):
            registry.download(config.dataset, self._data_dir, self._show_download)
        registry.check(config.dataset, self._data_dir)
        if config.dataset != "mnist-5k":
            config = config.model_copy(update={"data_dir": str(self._data_dir)})
        self._say("starting the trainer")
        weights = first_stage_weights(Run(self._runs_dir / config.first_stage)) if config.first_stage else None
        run = Run.create(self._runs_dir, name, stamp(config), weights)
        launch.start(run).wait_until_started()
        return run

    def _show_download(self, news: registry.Progress) -> None:
        if get_current_worker().is_cancelled:
            raise Cancelled
        of = f" of {news.bytes_total / 1e6:.1f}" if news.bytes_total else ""
        file = f"{news.file} ({news.file_index + 1} of {news.files})"
        self._say(f"downloading {file}: {news.bytes_done / 1e6:.1f}{of} MB")

    def _say(self, text: str) -> None:
        self.app.call_from_thread(self.query_one("#progress", Label).update, text)

    def _refuse(self, reason: str, problems: dict[str, str] | None = None) -> None:
        self._starting = False
        self.query_one("#progress", Label).update(reason)
        if problems:
            self._explain(problems)
            self.query_one(f"#{next(iter(problems))}").focus()


def _default(preset: str, field: str) -> str:
    """The value of a field as a user would type it."""
    value = default_of(preset, field)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first_stages(runs_dir: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The runs whose latents a prior can learn, with what it takes over from them."""
    for run in find_runs(runs_dir):
        # The list of runs tells what is damaged; a run that learns a prior itself is no first stage.
        with suppress(RunError, DamagedFile, OSError):
            settings = first_stage_settings(run)
            if run.weights_version():
                yield run.name, settings
