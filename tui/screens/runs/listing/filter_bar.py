"""The line in which a filter of the runs is typed, and in which it is said what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label

from core.errors import ConfigError
from core.text import printable

if TYPE_CHECKING:
    from core.runs.choosing.conditions import Condition

HINT = "words, or preset=vae and val_loss<40, state=running, dataset~fashion"


class FilterBar(Vertical):
    """Follows what is typed: a whole condition holds at once; of a broken one what can be read, and it is explained."""

    DEFAULT_CSS = """
    FilterBar { height: auto; display: none; }
    FilterBar.-typing, FilterBar.-holds { display: block; }
    FilterBar Horizontal { height: 1; display: none; }
    FilterBar.-typing Horizontal { display: block; }
    FilterBar #slash { width: auto; padding: 0 0 0 1; }
    FilterBar Input { width: 1fr; }
    FilterBar #said { width: 1fr; height: auto; padding: 0 1; color: $text-muted; }
    FilterBar.-wrong #said { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "clear", id="filter.clear", priority=True, tooltip="show all runs again"),
    ]

    @dataclass
    class Changed(Message):
        """Runs are chosen by another condition, or by none."""

        condition: Condition | None

    @dataclass
    class Left(Message):
        """Nothing is typed any more; `dropped` where all runs are shown again instead of what was typed."""

        dropped: bool

    def __init__(self) -> None:
        super().__init__()
        self.condition: Condition | None = None
        self._problem = ""
        self._shown = self._of = 0

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label("/", id="slash", markup=False)
            yield Input(compact=True)
        yield Label("", id="said", markup=False)

    @property
    def is_typed(self) -> bool:
        """Whether keys are letters of a filter."""
        return self.has_class("-typing")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.is_typed if action == "drop" else True

    def type(self) -> None:
        """Let the user type, or go on with what was typed."""
        self.set_class(True, "-typing")
        self._say()
        self.query_one(Input).focus()

    def hold(self, text: str) -> None:
        """Have this condition hold without anybody typing. Raises ConfigError."""
        from core.runs.choosing.conditions import parse_condition

        with self.prevent(Input.Changed):
            self.query_one(Input).value = text
        self._use(parse_condition(text) if text.strip() else None)

    def drop(self) -> None:
        """Show all runs again."""
        typed = self.is_typed
        self.hold("")
        self._leave(dropped=typed)

    def action_drop(self) -> None:
        self.drop()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self.hold(event.value)
        except ConfigError as error:
            from core.runs.choosing.conditions import readable_part

            self._use(readable_part(event.value))
            self._problem = str(error)
            self._say()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """What holds is kept; what is wrong is to be corrected first."""
        event.stop()
        if self._problem:
            self.app.bell()
        else:
            self._leave(dropped=False)

    def _use(self, condition: Condition | None) -> None:
        self._problem = ""
        changed = (condition and condition.text) != (self.condition and self.condition.text)
        self.condition = condition
        self._say()
        if changed:
            self.post_message(self.Changed(condition))

    def _leave(self, *, dropped: bool) -> None:
        self._problem = ""
        self.set_class(False, "-typing")
        self._say()
        self.post_message(self.Left(dropped))

    def count(self, shown: int, of: int) -> None:
        """So many of all runs are shown."""
        self._shown, self._of = shown, of
        self._say()

    def _say(self) -> None:
        self.set_class(bool(self._problem), "-wrong")
        self.set_class(self.condition is not None, "-holds")
        text = self._problem or (HINT if self.is_typed else "")
        if not self._problem and self.condition is not None:
            text = f"{self._shown:,} of {self._of:,} runs"
            if not self.is_typed:
                text = f"filter {printable(self.condition.text)}: {text}; escape shows all"
        self.query_one("#said", Label).update(text)
