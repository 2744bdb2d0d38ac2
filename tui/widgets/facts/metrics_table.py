"""The table of an evaluation: a row for each metric, a column for each sampler."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.geometry import Size
from textual.widgets import DataTable, Label

from tui import evaluation_table

if TYPE_CHECKING:
    from core.explorer.results import EvaluationResult


VALUE_WIDTH, SPREAD_WIDTH = 8, 6
MEANING_WIDTH = 44  # of the column, at least
GAP = 2
HEADER = 2
BETTER = " ↓ less, ↑ more is better"
BELOW = 4  # lines


@dataclass(frozen=True)
class SamplerColumn:
    """What was measured with one sampler, if anything; `newest` is the version of the newest weights.

    `so_far` are the figures of a measurement that goes on: they are shown in place of older ones. `otherwise` says how
    it was measured, where that is not as what was chosen was.
    """

    sampler: str
    measured: EvaluationResult | None
    newest: int
    chosen: bool = False
    measuring: bool = False
    so_far: Mapping[str, Any] = field(default_factory=dict)
    otherwise: str = ""

    @property
    def is_old(self) -> bool:
        """Whether older weights than the newest were measured."""
        return self.measured is not None and self.measured.weights != self.newest

    @property
    def state(self) -> str:
        """Which weights were measured, or why there is nothing."""
        if self.measuring:
            return "measuring"
        if self.measured is None:
            return "not measured"
        return "older weights" if self.is_old else self.otherwise or evaluation_table.epoch(self.measured)

    @property
    def about(self) -> str:
        """Which weights were measured, with which classifier, and what is to be known about the images."""
        if self.measured is None:
            return ""
        words = [f"{self.sampler}: {evaluation_table.epoch(self.measured)}"]
        if self.is_old:
            words.append("the weights are newer: enter measures again")
        else:
            of = self.measured.evaluation
            why = evaluation_table.without_likelihood(of)
            words += filter(None, (evaluation_table.classifier(of), why, self.measured.note))
        return ", ".join(words)

    def cells(self, names: Iterable[str]) -> tuple[Text, list[Text]]:
        """The header, and a cell for each metric, all of one width."""
        values = [self._values(name) for name in names]
        before = max([VALUE_WIDTH, *(len(value) for value, _ in values)])
        after = max([SPREAD_WIDTH, *(len(spread) + 1 for _, spread in values)])
        before += max(0, len(self.state) + 1 - before - after)
        width = before + after
        header = Text.assemble(
            " " * (width - len(self.sampler) - 2),
            (self.sampler, "reverse" if self.chosen else ""),
            " ±\n",
            (self.state.rjust(width), "not bold"),
        )
        style = "dim" if self.is_old and not self.measuring else ""
        return header, [Text(f"{value:>{before}}{spread:>{after}}", style) for value, spread in values]

    def _values(self, name: str) -> tuple[str, str]:
        if self.measuring and self.so_far:
            return evaluation_table.shown(self.so_far[name], name) if name in self.so_far else ("", "")
        return evaluation_table.cells(self.measured.evaluation, name) if self.measured else ("", "")


class MetricsTable(DataTable[Text]):
    """Shows what there is room for: the chosen sampler, then the others, then what the metrics mean.

    Where there is no room for meanings it has a cursor, and `meaning` explains the metric under it.
    """

    DEFAULT_CSS = """
    MetricsTable {
        background: $background;
        scrollbar-size-vertical: 1;
        & > .datatable--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
    }
    """

    can_focus = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, cursor_type="row", cell_padding=0, header_height=HEADER)
        self._meanings: list[str] = []
        self._names: list[str] = []

    @property
    def metric(self) -> str:
        """The one under the cursor, where there is a cursor."""
        return self._names[self.cursor_row] if self.show_cursor and self.cursor_row < len(self._names) else ""

    @property
    def meaning(self) -> str:
        """What the metric under the cursor means, where the table does not show it."""
        explained = self.show_cursor and 0 <= self.cursor_row < len(self._meanings)
        return self._meanings[self.cursor_row] if explained else ""

    def show(self, meanings: Mapping[str, str], columns: Sequence[SamplerColumn], room: Size) -> None:
        """Show metrics with their meanings and a column for each sampler, in `room` cells."""
        names = [f" {evaluation_table.name_shown(name)}" for name in meanings]
        shown = {column.sampler: column.cells(meanings) for column in columns}
        signed = [f"{name} {evaluation_table.BETTER.get(key, '')}" for key, name in zip(meanings, names, strict=True)]
        wide = max(_width(signed), len(BETTER))
        says_better = wide + sum(map(_width_of, shown.values())) < room.width  # all samplers come first
        names, wide = (signed, wide) if says_better else (names, _width(names))
        others = [column.sampler for column in columns if not column.chosen]
        while others and wide + sum(map(_width_of, shown.values())) > room.width:
            del shown[others.pop()]
        drawn = list(shown.values())
        left = room.width - wide - sum(map(_width_of, drawn)) - GAP - 1
        wrapped = [textwrap.wrap(meaning, max(left, 1)) for meaning in meanings.values()]
        whole = left >= MEANING_WIDTH and sum(map(len, wrapped)) <= room.height - HEADER
        heights = [len(lines) if whole else 1 for lines in wrapped]

        row, self._meanings, self._names = self.cursor_row, list(meanings.values()), list(meanings)
        self.clear(columns=True)
        self.add_column(Text.assemble(" metric\n", (BETTER if says_better else "", "not bold")), width=wide)
        for header, cells in drawn:
            self.add_column(header, width=_width_of((header, cells)))
        if whole:
            self.add_column(Text(f"{' ' * GAP}meaning"), width=GAP + left)
        for place, name in enumerate(names):
            meaning = [Text("\n".join(" " * GAP + line for line in wrapped[place]))] if whole else []
            self.add_row(Text(name), *(cells[place] for _, cells in drawn), *meaning, height=heights[place])
        self.show_cursor = not whole
        self.styles.height = min(HEADER + sum(heights), max(room.height, 1))
        self.move_cursor(row=row)


class MetricsPanel(Vertical):
    """The table, with the meaning under the cursor and a note below; or a message in its place."""

    DEFAULT_CSS = """
    MetricsPanel {
        height: 1fr;
        & #below { height: auto; padding: 1 1 0 1; }
        & #below > Label { width: 100%; height: auto; max-height: 3; }
        & #meaning { color: $text-muted; }
        & #message { display: none; width: 100%; height: 1fr; padding: 0 1; content-align: center middle;
            text-align: center; }
        &.-message #message { display: block; }
        & MetricsTable.-empty, &.-message MetricsTable, &.-message #below { display: none; }
    }
    .-low MetricsPanel #below { padding: 0 1; }
    .-low MetricsPanel #below > Label { max-height: 2; }
    """

    def compose(self) -> ComposeResult:
        yield MetricsTable(id="metrics")
        with Vertical(id="below"):
            yield Label("", id="meaning", markup=False)
            yield Label("", id="note", markup=False)
        yield Label("", id="message", markup=False)

    @property
    def table(self) -> MetricsTable:
        return self.query_one(MetricsTable)

    def show(self, meanings: Mapping[str, str], columns: Sequence[SamplerColumn]) -> None:
        """Show the metrics and what was measured."""
        if not any(column.measuring for column in columns):
            measured = [column.measured.evaluation for column in columns if column.measured is not None]
            meanings = evaluation_table.that_were_measured(meanings, measured)
        self.table.show(meanings, columns, Size(self.size.width, self.size.height - BELOW))
        self.table.set_class(not meanings, "-empty")
        self.on_data_table_row_highlighted()

    def show_note(self, text: str) -> None:
        """Show a line below the table."""
        if (note := self.query_one("#note", Label)).content != text:
            note.update(text)

    def show_message(self, message: str) -> None:
        """Show a message in place of the table; an empty one shows the table again."""
        self.query_one("#message", Label).update(message)
        self.set_class(bool(message), "-message")

    @property
    def has_message(self) -> bool:
        return self.has_class("-message")

    def on_data_table_row_highlighted(self) -> None:
        meaning = self.query_one("#meaning", Label)
        meaning.update(self.table.meaning)
        meaning.display = bool(self.table.meaning)


def _width(names: Sequence[str]) -> int:
    return max(map(len, names), default=0)


def _width_of(column: tuple[Text, list[Text]]) -> int:
    return len(column[0].plain.split("\n")[1])
