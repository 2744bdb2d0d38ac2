"""The form that starts a run: every setting has a valid default, and a bad value is explained as it is typed."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input
from textual.worker import get_current_worker

from core.data import download, registry
from core.errors import ConfigError, RunError, describe
from core.jobs import launch
from core.jobs.cost import Pace, estimate, read_paces
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS
from core.runs.config import RunConfig, check_last_batch, check_values, defaults
from core.runs.first_stage import with_images
from core.runs.keeping.names import run_named
from core.runs.run import Run
from core.runs.settings import SETTINGS, as_text, title
from core.text import printable
from core.training.methods.usual import slower_on_cpu
from tui import formatting
from tui.background.devices import check_device
from tui.screens.runs.form.beginning import begin, make_run
from tui.screens.runs.form.checking import SIZES, model_of, name_problem, suggested_name
from tui.screens.runs.form.images import first_stages, images_missing, path_problem, set_hint
from tui.screens.runs.form.settings import PATH, SettingsForm
from tui.widgets.bars import KeyLine


class Cancelled(Exception):
    """The form was closed while an image set was on its way."""


class NewRun(ModalScreen[Run | None]):
    """Asks for the settings of a run and starts it; the result is the run, or None."""

    CSS = """
    NewRun { align: center middle; }
    NewRun SettingsForm {
        width: 100%;
        max-width: 120;
        height: auto;
        max-height: 100%;
        padding: 0 1;
        background: $panel;
        border: round $accent;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "start training", priority=True, id="new_run.start"),
        Binding(
            "ctrl+n",
            "enqueue",
            "queue",
            tooltip="have it wait until there is a core or a GPU for it",
            priority=True,
            id="new_run.queue",
        ),
        Binding("ctrl+o", "more(True)", "more settings", priority=True, id="new_run.more"),
        Binding("ctrl+o", "more(False)", "fewer settings", priority=True, id="new_run.more"),
        Binding("escape", "cancel", "cancel", id="new_run.cancel"),
        Binding("tab", "app.focus_next", priority=True, show=False, id="new_run.next"),
        Binding("shift+tab", "app.focus_previous", priority=True, show=False, id="new_run.previous"),
        # Textual's own lists fail on these keys while a small window leaves them no room.
        Binding("pageup", "page(-1)", priority=True, show=False, id="new_run.page_up"),
        Binding("pagedown", "page(1)", priority=True, show=False, id="new_run.page_down"),
    ]

    def __init__(
        self, runs_dir: Path, data_dir: Path, like: RunConfig | None = None, folder: Path | None = None
    ) -> None:
        super().__init__()
        self._like = like
        self._runs_dir, self._data_dir = runs_dir, data_dir.absolute()
        self._named_by_user = False
        self._starting = False
        self._first_stages: dict[str, dict[str, Any]] | None = None
        self._paces: dict[str, Pace] | None = None
        self._others = 0
        self._model: RunConfig | None = None  # the model that is chosen, where nothing is wrong with it
        self._form = SettingsForm(folder=folder)

    @property
    def form_title(self) -> str:
        return "new run"

    def compose(self) -> ComposeResult:
        self._form.border_title = Text(self.form_title)
        yield self._form
        yield KeyLine()

    def on_mount(self) -> None:
        self._refresh()
        if self._like is not None:
            self._take_over(self._like)
        self._look_for_others()

    @work(thread=True)
    def _look_for_others(self) -> None:
        self._paces, self._others = read_paces(), launch.training_here()
        self.app.call_from_thread(self._refresh)

    def _show_cost(self, config: RunConfig | None) -> None:
        """The size of the model, what the run will cost, and how many train here already."""
        model = config or self._model
        said = [formatting.cost(*estimate(config, self._paces))] if config and self._paces is not None else []
        said += [formatting.others_train(self._others)] if self._others else []
        sizes = (formatting.model, formatting.model_in_brief)
        models = [say(model.parameters, slower_on_cpu(model)) for say in sizes] if model else ["", ""]
        self._form.show_cost(*("; ".join(filter(None, [words, *said])) for words in models))

    def _take_over(self, like: RunConfig) -> None:
        """Choose the settings of another run, as far as the form has them."""
        values = {name: as_text(getattr(like, name)) for name in SETTINGS if getattr(like, name) is not None}
        values["dataset"] = like.typed_dataset
        if like.first_stage:
            with suppress(RunError, OSError):
                values["first_stage"] = run_named(self._runs_dir, like.first_stage).name
        self._form.take_over({"preset": values.pop("preset")})
        self._refresh()  # other settings apply, and have other defaults
        if left_out := self._form.take_over(values):
            said = ", ".join(f"{title(name)} {values[name]}" for name in left_out)
            self._form.show_progress(printable(f"cannot be chosen here: {said}"))
        self._refresh()

    # What was chosen

    @property
    def _preset(self) -> str:
        return self._form.chosen.get("preset", DEFAULT_PRESET)

    def _values(self) -> dict[str, Any]:
        chosen = self._form.chosen
        chosen.pop("first_stage", "")
        if self._path_problem():
            chosen["dataset"] = "auto"  # for the time being
        return with_images(chosen, self._data_dir, self._taken_over)

    def _path_problem(self) -> str:
        return path_problem(self._form.chosen["dataset"], self._data_dir) if self._form.own_kind else ""

    def _refresh(self) -> RunConfig | None:
        """Follow what was chosen: settings that apply, defaults, messages; the configuration when nothing is wrong."""
        self._form.show_preset(self._preset)
        if SETTINGS["first_stage"].applies(PRESETS[self._preset]) and self._first_stages is None:
            self._first_stages = dict(first_stages(self._runs_dir, self._data_dir))
            self._form.offer_first_stages(list(self._first_stages))
        values = self._values()
        self._form.show_defaults(defaults(values) | values)
        if not self._named_by_user:
            self._form.run_name = self._suggested_name(values)
        found, checked, self._model = dict[str, str](), None, model_of(values)
        try:
            checked = check_values(**values)
        except ConfigError as error:
            found |= {name: self._from_first_stage(name, text) for name, text in error.problems.items()}
        missing = images_missing(self._form.chosen, values, self._taken_over, self._data_dir)
        if missing and "dataset" not in found:
            found["dataset"] = missing
        if problem := self._path_problem():
            found[PATH] = problem
        found |= name_problem(self._runs_dir, self._form.run_name)
        self._form.explain(found, self._hints())
        self._show_cost(None if found else checked)
        return None if found else checked

    @property
    def _taken_over(self) -> dict[str, Any]:
        """The settings that a learned prior takes over from the first stage that is chosen."""
        return (self._first_stages or {}).get(self._form.chosen.get("first_stage", ""), {})

    def _from_first_stage(self, name: str, problem: str) -> str:
        taken = self._taken_over
        if name in taken and name not in self._form.chosen:
            return f"{problem}: that of {taken['first_stage']}, with whose images it goes"
        return problem

    def _suggested_name(self, values: dict[str, Any]) -> str:
        return suggested_name(self._runs_dir, f"{self._preset}-{values['dataset']}")

    def _hints(self) -> dict[str, str]:
        own = {"preset": PRESETS[self._preset].description, "name": "Folder of the run"}
        own["dataset"] = set_hint(self._form.chosen["dataset"], self._taken_over, self._data_dir)
        own[PATH] = f"where they lie, as in {registry.OWN.get(self._form.own_kind, '')}"
        if self._model is not None:
            model = formatting.model(self._model.parameters, slower_on_cpu(self._model))
            own |= dict.fromkeys(SIZES, f"{formatting.latent(self._model.sizes)}, {model}")
        return {name: setting.help for name, setting in SETTINGS.items()} | own

    def on_select_changed(self) -> None:
        self._refresh()
        self.on_descendant_focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "name":
            self._named_by_user = event.value != self._suggested_name(self._values())
        self._refresh()
        self.on_descendant_focus()

    def on_input_submitted(self) -> None:
        self.focus_next()

    def on_descendant_focus(self) -> None:
        field = self.focused.id if self.focused else None
        self._form.detail = self._form.problems.get(field or "") or self._hints().get(field or "", "")

    def action_page(self, direction: int) -> None:
        self._form.page(direction)

    def action_more(self, more: bool) -> None:
        self._form.show_more(more)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "more" or parameters[0] is not self._form.has_more  # one key, so one of them only

    def on_collapsible_toggled(self) -> None:
        self.refresh_bindings()

    # Starting

    def action_cancel(self) -> None:
        self.workers.cancel_all()
        self.dismiss(None)

    def action_start(self) -> None:
        self._train(queued=False)

    def action_enqueue(self) -> None:
        self._train(queued=True)

    def _train(self, *, queued: bool) -> None:
        config = self._refresh()
        if config is None:
            self._form.show_problem()
            self.on_descendant_focus()
        if config is None or self._starting:
            self.app.bell()
            return
        self._starting = True
        self._start(config, self._form.run_name if self._named_by_user else None, queued)

    @work(thread=True, exit_on_error=False)
    def _start(self, config: RunConfig, name: str | None, queued: bool) -> None:
        try:
            run = self._make(config, name, queued)
        except (Cancelled, launch.NotBegun):
            return
        except ConfigError as error:
            self.app.call_from_thread(self._refuse, "", error.problems)
        except Exception as error:  # noqa: BLE001 - no failure of an action ends the app, or leaves it waiting
            self.app.call_from_thread(self._refuse, describe(error))
        else:
            self.app.call_from_thread(self.dismiss, run)

    def _make(self, config: RunConfig, name: str | None, queued: bool) -> Run:
        self._say(f"looking for device {config.device}")
        check_device(config.device, config.processes)
        place = config.image_source.folder or self._data_dir
        if config.dataset in registry.NAMES and not registry.is_on_disk(config.dataset, place):
            download.download(config.dataset, place, self._show_download)
        self._say(f"looking at {config.dataset_title}")
        seen = registry.look_through(config.image_source.at(place), config.preset_record.most_classes)
        check_last_batch(config, seen.training_images)
        config = config.model_copy(update={"fingerprint": seen.fingerprint})
        if seen.description:
            self.app.call_from_thread(partial(self.app.notify, seen.description, title="images", markup=False))
        run = make_run(self._runs_dir, name, config, queued=queued)
        self._begin(run, queued)
        return run

    def _begin(self, run: Run, queued: bool, data_dir: Path | None = None) -> None:
        closing = get_current_worker()
        self._say("looking for room" if queued else "starting the trainer")
        begin(run, lambda: closing.is_cancelled, data_dir, queued=queued)

    def _show_download(self, news: download.Progress) -> None:
        if get_current_worker().is_cancelled:
            raise Cancelled
        of = f" of {news.bytes_total / 1e6:.1f}" if news.bytes_total else ""
        file = f"{news.file} ({news.file_index + 1} of {news.files})"
        self._say(f"downloading {file}: {news.bytes_done / 1e6:.1f}{of} MB")

    def _say(self, text: str) -> None:
        self.app.call_from_thread(self._form.show_progress, text)

    def _refuse(self, reason: str, problems: dict[str, str] | None = None) -> None:
        self._starting = False
        self._form.show_progress(reason)
        if problems:
            self._form.explain(problems, self._hints())
            self._form.show_problem()
