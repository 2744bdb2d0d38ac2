"""The fields of a new run: a row for every setting, the common ones first, made from their declarations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Collapsible, Input, Label, Select
from textual.widgets.select import InvalidSelectValueError

from core.data import registry
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS
from core.runs.config import OF_OWN
from core.runs.settings import SETTINGS, as_text, title

# What keeps its value when another preset or image set is chosen.
CHOSEN = ("preset", "dataset", "first_stage")
COMMON = [name for name, setting in SETTINGS.items() if setting.common]
OTHERS = [name for name, setting in SETTINGS.items() if not setting.common and name not in OF_OWN]
ENDS = 2  # cells beside what stands in the border
PATH = "path"  # of a user's own images, typed below their kind
SHOWN = [each for name in (*COMMON, "name") for each in ([name, PATH, *OF_OWN] if name == "dataset" else [name])]


class Field(Input):
    """An input that keeps the order of keys which arrive at once, as they do over a slow connection.

    Textual hands letters to the input but a backspace to its bindings, which come to it later.
    """

    def key_backspace(self, event: events.Key) -> None:
        event.stop()
        self.action_delete_left()


class Row(Horizontal):
    """A field with its title, and beside it what is wrong with its value, or else what it means."""

    def __init__(self, name: str, title: str, field: Input | Select[str]) -> None:
        super().__init__(id=f"row-{name}")
        self.field_title, self.field = title, field
        self.message = Label("", classes="message", id=f"message-{name}", markup=False)

    def compose(self) -> ComposeResult:
        yield Label(self.field_title, markup=False)
        yield self.field
        yield self.message

    @property
    def text(self) -> str:
        return str(self.field.value).strip()

    def explain(self, problem: str | None, hint: str) -> None:
        """Say what is wrong, or give the hint where nothing is."""
        fits = problem is None and not self.has_class("wrong")  # what is wrong may take more lines
        _say(self.message, problem or hint, layout=not fits)
        self.message.set_class(problem is not None, "problem")
        self.set_class(problem is not None, "wrong")


class SettingsForm(Vertical):
    """A row for each setting and one for the run's name; settings that do not apply to the preset are not shown."""

    DEFAULT_CSS = """
    SettingsForm VerticalScroll { height: auto; max-height: 100%; }
    SettingsForm Row { height: 1; margin-bottom: 1; }
    SettingsForm Row > Label { width: 17; }
    SettingsForm Row > Input, SettingsForm Row > Select { width: 24; }
    SettingsForm Row > .message {
        width: 1fr;
        padding-left: 2;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    SettingsForm Row > .message.problem { color: $text-error; text-wrap: wrap; }
    SettingsForm Row.wrong { height: auto; }
    SettingsForm Collapsible { background: transparent; border: none; padding: 0; }
    SettingsForm Collapsible Contents { padding: 1 0 0 0; }
    SettingsForm CollapsibleTitle { padding: 0; }
    SettingsForm #said { dock: bottom; height: auto; }
    SettingsForm #detail { height: 2; width: 100%; color: $text-muted; }
    SettingsForm #elsewhere { height: auto; width: 100%; color: $text-error; }
    SettingsForm #progress { height: auto; width: 100%; color: $text-warning; }
    """

    def __init__(
        self,
        first: Row | None = None,
        folder: Path | None = None,
        leading: Sequence[str] = (),
        trailing: Collection[str] = (),
    ) -> None:
        """Above all others is a row that is no setting; the leading settings follow, the trailing ones are the last."""
        super().__init__()
        self._shown = _ordered([*leading, *(name for name in SHOWN if name not in leading)], trailing)
        self._others = _ordered([name for name in OTHERS if name not in leading], trailing)
        self._folder = folder or Path()  # where the app was started: what is typed is meant from there
        self._first = [] if first is None else [first]
        self._rows = {str(row.field.id): row for row in self._first}
        self._rows |= {setting: Row(setting, title(setting), _field(setting)) for setting in SETTINGS}
        self._rows[PATH] = Row(PATH, "path", Field(compact=True, id=PATH))
        self._rows["name"] = Row("name", "name", Field(compact=True, id="name"))
        self._defaults: dict[str, str] = {}
        self.problems: Mapping[str, str] = {}
        self._cost = "", ""
        self._progress = Label("", id="progress", markup=False)
        self._progress.display = False
        self._elsewhere = Label("", id="elsewhere", markup=False)
        self._elsewhere.display = False
        self._more = Collapsible(title="more settings", collapsed_symbol="+", expanded_symbol="-", id="more")

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield from self._first
            yield from (self._rows[name] for name in self._shown)
            with self._more:
                yield from (self._rows[name] for name in self._others)
        with Vertical(id="said"):
            yield Label("", id="detail", markup=False)
            yield self._elsewhere
            yield self._progress

    @property
    def chosen(self) -> dict[str, str]:
        """What was chosen or typed that is not the default, of the settings that apply."""
        found = {
            name: row.text
            for name, row in self._rows.items()
            if name in SETTINGS and row.display and (name in CHOSEN or row.text != self._defaults.get(name, row.text))
        }
        path = self._rows[PATH].text
        if path and not path.startswith("~"):
            path = str(self._folder / path)
        return found | ({"dataset": f"{self.own_kind}:{path}"} if self.own_kind else {})

    @property
    def own_kind(self) -> str:
        """The kind of a user's own images, whose path is typed, where such a set is chosen; else nothing."""
        return next((kind for kind, form in registry.OWN.items() if form == self._rows["dataset"].text), "")

    @property
    def run_name(self) -> str:
        return self._rows["name"].text

    @run_name.setter
    def run_name(self, name: str) -> None:
        with self.prevent(Input.Changed):
            self._rows["name"].field.value = name

    @property
    def detail(self) -> str:
        """What is said of the field with the cursor."""
        return str(self.query_one("#detail", Label).content)

    @detail.setter
    def detail(self, text: str) -> None:
        _say(self.query_one("#detail", Label), text, layout=False)

    def offer_first_stages(self, names: Sequence[str]) -> None:
        """Let the user choose among these runs; the first one is chosen."""
        stages = self._rows["first_stage"].field
        assert isinstance(stages, Select)
        stages.set_options([(Text(name), name) for name in names])
        stages.value = next(iter(names), Select.NULL)

    def take_over(self, values: Mapping[str, str]) -> list[str]:
        """Choose these values; those that are none to choose from are left, and returned by their names."""
        left = []
        kind, typed, path = values.get("dataset", "").partition(":")
        own = {"dataset": registry.OWN[kind], PATH: path} if typed and kind in registry.OWN else {}
        with self.prevent(Input.Changed, Select.Changed):
            for name, value in {**values, **own}.items():
                try:
                    self._rows[name].field.value = value
                except InvalidSelectValueError:
                    left.append(name)
        return [name for name in left if self._rows[name].display]

    def keep(self, values: Mapping[str, str]) -> None:
        """Show these as they are, and let nobody choose others; all others may be chosen."""
        with self.prevent(Input.Changed, Select.Changed):
            for name in SETTINGS:
                field = self._rows[name].field
                field.disabled = name in values
                if name in values:
                    if isinstance(field, Select):
                        field.set_options([(Text(values[name]), values[name])])
                    field.value = values[name]

    def show_preset(self, name: str) -> None:
        """Show the settings that apply to the preset and to the images that are chosen."""
        for setting, declared in SETTINGS.items():
            self._rows[setting].display = declared.applies(PRESETS[name]) and (
                setting not in OF_OWN or bool(self.own_kind)
            )
        self._rows[PATH].display = bool(self.own_kind)

    def show_defaults(self, defaults: Mapping[str, Any]) -> None:
        """Put the defaults where nothing else was chosen."""
        with self.prevent(Input.Changed, Select.Changed):
            for name in SETTINGS.keys() - {*CHOSEN, *self.chosen}:
                self._defaults[name] = as_text(defaults[name])
                self._rows[name].field.value = self._defaults[name]

    def explain(self, problems: Mapping[str, str], hints: Mapping[str, str]) -> None:
        """What is wrong beside its field, or below all where that is not shown; what it means beside the others."""
        self.problems = problems
        self.on_collapsible_toggled()
        for name, row in self._rows.items():
            row.explain(problems.get(name), hints[name])
        wrong = sum(name in problems and self._is_shown(name) for name in self._others)
        other = len({*self._others} & self.chosen.keys() - problems.keys())
        said = [f"{count} {what}" for count, what in ((wrong, "to correct"), (other, "not the default")) if count]
        self._more.title = f"more settings: {', '.join(said)}" if said else "more settings"

    def show_cost(self, whole: str, brief: str) -> None:
        """Say below all what a run is and will cost, in brief where there is no room for the whole."""
        self._cost = whole, brief
        self.on_resize()

    def on_resize(self) -> None:
        whole, brief = self._cost
        self.border_subtitle = Text(whole if len(whole) <= self.size.width - ENDS else brief)

    def show_progress(self, text: str) -> None:
        """Say what goes on before the run starts, or why it did not."""
        self._progress.update(text)
        self._progress.display = bool(text)

    @property
    def has_more(self) -> bool:
        """Whether the settings that few runs need are shown."""
        return not self._more.collapsed

    def show_more(self, more: bool) -> None:
        """Show or hide the settings that few runs need."""
        self._more.collapsed = not more
        if more:
            next(self._rows[name].field for name in self._others if self._rows[name].display).focus()

    def page(self, direction: int) -> None:
        """Scroll where the window does not show all rows."""
        rows = self.query_one(VerticalScroll)
        rows.scroll_relative(y=direction * rows.size.height, animate=False)

    def on_collapsible_toggled(self) -> None:
        """Say below all what is wrong where nobody sees it."""
        hidden = self._others if self._more.collapsed else []
        elsewhere = [text for name, text in self.problems.items() if name in hidden or not self._is_shown(name)]
        _say(self._elsewhere, "; ".join(elsewhere))
        self._elsewhere.display = bool(elsewhere)

    def _is_shown(self, name: str) -> bool:
        return name in self._rows and bool(self._rows[name].display)

    def show_problem(self) -> None:
        """Bring the cursor to the first setting that has a wrong value, if one has."""
        for name in (*self._shown, *self._others):
            if name in self.problems and self._is_shown(name):
                if name in self._others:
                    self._more.collapsed = False
                self._rows[name].field.focus()
                return


def _say(label: Label, text: str, *, layout: bool = True) -> None:
    """Put it there where it is not yet: at each key an update may have all drawn anew, and the screen laid out."""
    if label.content != text:
        label.update(text, layout=layout)


def _ordered(names: Sequence[str], trailing: Collection[str]) -> list[str]:
    return sorted(names, key=lambda name: name in trailing)


def _field(name: str) -> Input | Select[str]:
    """What a setting is chosen or typed with."""
    setting = SETTINGS[name]
    if name == "first_stage":
        return Select[str]([], prompt="no run has weights", compact=True, id=name)
    if name != "dataset" and (not setting.choices or setting.pattern):
        return Field(compact=True, id=name)
    choices = (*registry.CHOICES, *registry.OWN.values()) if name == "dataset" else setting.choices
    usual = {"preset": DEFAULT_PRESET, "dataset": "auto"}.get(name, choices[0])
    return Select([(choice, choice) for choice in choices], value=usual, allow_blank=False, compact=True, id=name)
