"""What the views of two runs have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.containers import Container
from textual.message import Message
from textual.widgets import Label

from core.explorer.protocol import Explorer
from core.runs.run import Run
from tui.messages import Snapshot
from tui.quantities import likelihoods
from tui.run_looks import color_of
from tui.screens.exporting import Export
from tui.screens.help.formulas import for_likelihoods

WAITING = "opening the runs"
Answer = TypeVar("Answer")
Question = Callable[[Explorer, Explorer], Answer]


class CompareView(Container):
    """One way to look at two runs; its title is its id."""

    @dataclass
    class LaidOut(Message):
        """A view has other room than before: what it asks for depends on that."""

        view: CompareView

    title: ClassVar[str]
    topic: ClassVar[str]  # what is seen, by its name among the formulas
    heading = ""  # what is shown, in a few words

    def on_resize(self) -> None:
        self.post_message(self.LaidOut(self))

    def take_focus(self) -> None:
        """Have keys act on what is in the view, where that has keys of its own."""
        self.screen.set_focus(next((widget for widget in self.query("*") if widget.focusable), None), False)

    def name_runs(self, names: Sequence[str], places: Sequence[int]) -> None:
        """Put the names of the left and the right run, in their colours, where the view has room for them."""
        labels = self.query(".run-name").results(Label)
        for label, name, (red, green, blue) in zip(labels, names, map(color_of, places), strict=False):
            label.update(Text(name, f"bold rgb({red},{green},{blue})"))

    def topic_of(self, snapshots: Sequence[Snapshot]) -> str:
        """What explains it to these runs."""
        return for_likelihoods(self.topic, likelihoods(snapshots))

    def show_message(self, message: str) -> None:
        """Show a message in place of the content."""
        raise LookupError(f"{type(self).__name__} cannot show {message}")

    def to_export(self, stem: str, runs: tuple[Run, Run]) -> Export | None:
        """What is shown, to be written in another thread; None while there is nothing."""
        raise LookupError(f"{type(self).__name__} exports nothing")


class MetricsView(CompareView):
    """Shows what the metrics and settings of two runs say."""

    def show_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        """Show the left run, the right one and, where the view can, others."""
        raise LookupError(f"{type(self).__name__} shows nothing")


class ModelsView(CompareView, Generic[Answer]):
    """Shows what the models of two runs answer."""

    def question(self) -> Question[Answer]:
        """What to ask of both runs in another thread; all that it depends on is looked up here."""
        raise LookupError(f"{type(self).__name__} asks nothing")

    def show(self, answer: Answer) -> None:
        """Show the answer."""
        raise LookupError(f"{type(self).__name__} shows nothing")
