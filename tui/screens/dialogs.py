"""Small questions that wait for an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList

from core.errors import UserError, describe
from core.text import printable
from tui import formatting

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.run import Run
    from core.runs.status import Status

Value = TypeVar("Value")
Answer = TypeVar("Answer")
CLASSES_WITH_KEYS = 10


class Dialog(ModalScreen[Answer]):
    """A box in the middle of the screen, as wide as a subclass says."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Vertical, Dialog > ScrolledText, Dialog > Options {
        width: 64;
        max-width: 95%;
        height: auto;
        max-height: 95%;
        padding: 0 1;
        background: $panel;
        border: round $accent;
    }
    Dialog > Options, Dialog > Options:focus { border: round $accent; }
    Dialog Label { width: 100%; }
    Dialog #problem { color: $text-error; }
    """


class Confirm(Dialog[bool]):
    """A question that is answered with y or n."""

    DEFAULT_CSS = """
    Confirm Vertical { padding: 1 2; border: round $warning; }
    Confirm #keys { margin-top: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", id="confirm.yes"),
        Binding("n,escape,q", "answer(False)", "no", id="confirm.no"),
    ]

    def __init__(self, question: str, yes: str, no: str = "keep it") -> None:
        super().__init__()
        self._question, self._yes, self._no = question, yes, no

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield Label(f"y {self._yes}   n {self._no}", id="keys", markup=False)

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class AskValue(Dialog[Value | None]):
    """One value; `parse` makes it of the text, or raises UserError, ValueError or OSError, which say what is wrong."""

    DEFAULT_CSS = "AskValue Vertical { width: 56; padding: 1 2; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel", id="value.cancel")]

    def __init__(self, question: str, suggestion: str, parse: Callable[[str], Value]) -> None:
        super().__init__()
        self._question, self._suggestion, self._parse = question, suggestion, parse

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield Input(self._suggestion, compact=True)
            yield Label(" ", id="problem", markup=False)
            yield Label("enter go on   esc leave it", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            value = self._parse(event.value)
        except (UserError, ValueError) as error:
            self.query_one("#problem", Label).update(printable(str(error)))
        except OSError as error:
            self.query_one("#problem", Label).update(describe(error))
        else:
            self.dismiss(value)


class AskNumber(AskValue[int]):
    """A whole number within bounds."""

    def __init__(self, question: str, suggestion: int, low: int, high: int) -> None:
        def parse(text: str) -> int:
            if text.isdecimal() and low <= int(text) <= high:
                return int(text)
            raise ValueError(f"a whole number from {low} to {high}")

        super().__init__(question, str(suggestion), parse)


class AskMoreEpochs(AskNumber):
    """Up to which epoch a finished run goes on: to its goal, where it ended early, else twice as far."""

    def __init__(self, chosen: RunSummary, status: Status) -> None:
        from core.runs.settings import EPOCHS_LIMIT

        name, done = printable(chosen.run.name), status.epoch
        said, goal = f"{name} has done its {formatting.count(done, 'epoch')}.", 2 * done
        if not done and chosen.config is not None:
            said, goal = f"{name}: {printable(status.reason or '')}.", chosen.config.epochs
        if formatting.ended_early(status):
            goal = status.epochs
            said = f"{name} ended after epoch {done} of {goal}: {printable(status.reason or '')}."
            if chosen.config is not None and chosen.config.patience:
                patience = formatting.count(chosen.config.patience, "validation")
                said += f" Its patience counts anew: it ends again after {patience} without a lower loss."
        super().__init__(f"{said} Train to epoch:", goal, done + 1, EPOCHS_LIMIT)


DIGITS = tuple(map(str, range(10)))  # until it is known which classes there are
UNLABELLED = "these images have no labels, so there are no classes to choose from"


class AskClass(Dialog[str | None]):
    """A class by its digit, of `classes` or `there`, `a` for all of them, or `o` for what `alone` says, if anything."""

    DEFAULT_CSS = """
    AskClass Vertical { width: auto; padding: 1 2; }
    AskClass Label { width: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "cancel", id="class.cancel"),
        Binding("a", "dismiss('a')", "all", id="class.all"),
        Binding("o", "alone", "only", id="class.only", show=False),
        *(Binding(str(digit), f"choose({digit})", id=f"class.{digit}", show=False) for digit in range(10)),
    ]

    def __init__(
        self,
        question: str,
        everything: str,
        classes: Sequence[str] = DIGITS,
        alone: str = "",
        there: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self._there = range(len(classes)) if there is None else there
        self._question, self._everything, self._names, self._alone = question, everything, classes, alone

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            for label, name in enumerate(self._names):
                if name != str(label):
                    yield Label(formatting.class_title(label, self._names), markup=False)
            alone = f"o {self._alone}   " if self._alone else ""
            digits = "0..9" if len(self._there) == CLASSES_WITH_KEYS else " ".join(map(str, self._there))
            which = f"{digits} a class" if digits else "there are no classes to ask for"
            yield Label(f"{which}   a {self._everything}   {alone}esc leave it", markup=False)

    def action_choose(self, digit: int) -> None:
        if digit in self._there:
            self.dismiss(str(digit))

    def action_alone(self) -> None:
        if self._alone:
            self.dismiss("o")


def ask_class(question: str, everything: str, classes: Sequence[str], alone: str = "") -> ModalScreen[str | None]:
    """What asks for a class, of which these are the names: by one key where ten are the most, else by what is typed.

    `a` answers with all of them; `o` with what `alone` says, if anything.
    """
    if len(classes) <= CLASSES_WITH_KEYS:
        return AskClass(question, everything, classes, alone)

    def parse(text: str) -> str:
        found = str(classes.index(text)) if text in classes else text
        if len(found) == 1 and found.isupper():  # as planes have it
            found = str(formatting.CLASS_SIGNS.index(found))
        if found == "a" or (alone and found == "o") or (found.isdecimal() and int(found) < len(classes)):
            return found
        letters = f"a: {everything}, or o: {alone}" if alone else f"or a: {everything}"
        raise ValueError(f"0 to {len(classes) - 1}, a name, {letters}")

    return AskValue(question, "a", parse)


LIST_KEYS: list[BindingType] = [
    Binding("k", "cursor_up", id="options.up", show=False),
    Binding("j", "cursor_down", id="options.down", show=False),
    Binding("g", "first", id="options.first", show=False),
    Binding("G", "last", id="options.last", show=False),
]
TEXT_KEYS: list[BindingType] = [
    Binding("k", "scroll_up", id="text.up", show=False),
    Binding("j", "scroll_down", id="text.down", show=False),
    Binding("g", "scroll_home", id="text.first", show=False),
    Binding("G", "scroll_end", id="text.last", show=False),
]


class ScrolledText(VerticalScroll, can_focus=True):
    """What may be longer than the screen."""

    BINDINGS: ClassVar[list[BindingType]] = TEXT_KEYS


class Options(OptionList):
    """A list of words, none of them markup; the page keys do nothing while a small window leaves it no room."""

    BINDINGS: ClassVar[list[BindingType]] = LIST_KEYS

    def __init__(self, *options: Text | str) -> None:
        super().__init__(*options, markup=False)

    def action_page_up(self) -> None:
        """Move up a page, which Textual's cannot do without room."""
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Move down a page."""
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]


class ChooseRun(Dialog["Run | None"]):
    """One of several runs."""

    DEFAULT_CSS = "ChooseRun Options { width: 56; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "cancel", id="choose.cancel")]

    def __init__(self, question: str, runs: list[Run]) -> None:
        super().__init__()
        self._question, self._runs = question, runs

    def compose(self) -> ComposeResult:
        options = Options(*(Text(printable(run.name)) for run in self._runs))
        options.border_title = Text(self._question)
        options.border_subtitle = (
            "enter chooses   esc leaves it" if self._runs else "there is no other run   esc closes"
        )
        yield options

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._runs[event.option_index])
