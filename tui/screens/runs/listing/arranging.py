"""A list of runs in the order, with the columns and the groups that its user chose."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from core.runs.choosing.groups import RunGroup, sweep_key
from tui.run_columns import RUN_COLUMNS
from tui.screens.charts.choose import ChooseShown
from tui.screens.runs.listing import arrangement
from tui.screens.runs.listing.arrangement import (
    SIGN,
    Arrangement,
    Arranger,
    available,
    columns_for,
    runs_of,
)
from tui.screens.runs.listing.marking import MarkedList
from tui.screens.selection import Shared
from tui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from core.runs.run import Run
    from tui.screens.runs.listing.arrangement import Row


class ArrangedList(MarkedList):
    """Takes in how runs are to be listed and keeps it; `list_again` does it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "sort", "sort", tooltip="sort by the next column", id="runs.sort", show=False),
        Binding("O", "turn_round", "reverse", tooltip="turn the order round", id="runs.reverse", show=False),
        Binding("c", "columns", "columns", tooltip="choose the columns", id="runs.columns", show=False),
        Binding(
            "h", "fold", "fold", tooltip="fold the runs of a sweep, or seeds, into a row", id="runs.fold", show=False
        ),
        Binding("W", "sweep", "sweep", tooltip="what the sweep of the run came to", id="runs.sweep", show=False),
        Binding("l", "unfold", "unfold", tooltip="show the runs that a row stands for", id="runs.unfold", show=False),
    ]

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.arrangement, self.arranger = arrangement.read(shared.configuration), Arranger()

    @abstractmethod
    def list_again(self) -> None:
        """List the runs anew."""

    def on_mount(self) -> None:
        self._change_columns()

    def row_of(self, run: Run | None, rows: Sequence[Row]) -> int | None:
        """The row of a run, be it folded."""
        return next((place for place, row in enumerate(rows) if any(one.run == run for one in runs_of(row))), None)

    def list_as(self, chosen: Arrangement, *, again: bool = True) -> None:
        """List the runs like that from now on."""
        if chosen.shown != self.arrangement.shown and chosen.sort not in chosen.shown:
            chosen = replace(chosen, sort="", descending=False)
        self.arrangement = chosen
        if again:
            self.list_again()
            self._change_columns()
        self.shared.remember(self, arrangement.chosen(chosen))

    def _change_columns(self) -> None:
        columns = columns_for(self.size.width, self.arrangement.shown)
        headings = {} if "state" in columns else {"state": SIGN}
        sort = headings.get(self.arrangement.sort, self.arrangement.sort)
        signs = {sort: " ▼" if self.arrangement.descending else " ▲"} if self.arrangement.sort else {}
        self.table.change_columns(columns, signs, [headings.get(title, title) for title in self.arrangement.importance])

    def on_resize(self) -> None:
        self._change_columns()

    def action_sort(self) -> None:
        self._sort(self.arrangement.sorted_by_next())

    def action_turn_round(self) -> None:
        self._sort(self.arrangement.reversed())

    def on_row_table_heading_chosen(self, message: RowTable.HeadingChosen) -> None:
        self._sort(self.arrangement.sorted_by(message.column or "state"))

    def _sort(self, chosen: Arrangement) -> None:
        self.list_as(chosen)
        if not chosen.sort:
            self.notify(f"the {'oldest' if chosen.descending else 'newest'} runs first", timeout=2, markup=False)

    def action_columns(self) -> None:
        def chosen(titles: tuple[str, ...] | None) -> None:
            if titles is not None:
                usual = titles == tuple(RUN_COLUMNS)
                self.list_as(replace(self.arrangement, columns=() if usual else titles))

        titles = [(title, title) for title in available()]
        self.app.push_screen(ChooseShown("columns", titles, self.arrangement.shown), chosen)

    def action_fold(self) -> None:
        runs = runs_of(self.row)
        key, _ = self.arranger.groups.get(runs[0].run, ("", "")) if runs else ("", "")
        if key:
            self.list_as(self.arrangement.with_folded(key, True))
        elif runs:
            self.notify(f"{runs[0].run.name} is in no sweep, and no other differs in the seed only", markup=False)

    def action_sweep(self) -> None:
        runs = runs_of(self.row)
        config = runs[0].config if runs else None
        if config and config.sweep:
            from tui.screens.sweeps.screen import SweepScreen

            self.app.push_screen(SweepScreen(self.shared, config.sweep, sweep_key(config)))
        elif runs:
            self.notify(f"{runs[0].run.name} is in no sweep", markup=False)

    def action_unfold(self) -> None:
        if isinstance(self.row, RunGroup):
            self.list_as(self.arrangement.with_folded(self.row.key, False))
