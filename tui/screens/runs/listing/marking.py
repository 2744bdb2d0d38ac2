"""The marks of a list of runs: for each row a sign, which the run keeps wherever it is shown."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import Label

from tui import run_looks
from tui.background.tasks import attempt
from tui.screens.runs.keeping import KeptRunScreen
from tui.screens.runs.listing.arrangement import runs_of
from tui.screens.runs.possible import able
from tui.terminal.capabilities import color_depth

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.run import Run
    from tui.screens.runs.listing.arrangement import Row
    from tui.widgets.row_table import RowTable


class MarkedList(KeptRunScreen):
    """A screen with a table of runs that can be marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("V", "mark_range", "range", tooltip="mark from the last mark to here", id="runs.range", show=False),
        Binding(
            "asterisk",
            "mark_all",
            "all",
            key_display="*",
            tooltip="mark all runs that are shown, or none",
            id="runs.all",
            show=False,
        ),
        Binding(
            "left_square_bracket",
            "move_in_queue(-1)",
            "earlier",
            key_display="[",
            tooltip="start the run that waits earlier",
            id="runs.earlier",
            show=False,
        ),
        Binding(
            "right_square_bracket",
            "move_in_queue(1)",
            "later",
            key_display="]",
            tooltip="start the run that waits later",
            id="runs.later",
            show=False,
        ),
        Binding(
            "P",
            "pause_queue",
            "hold queue",
            tooltip="pause the queue: nothing that waits begins; again: go on with it",
            id="runs.pause_queue",
            show=False,
        ),
        Binding("D", "trash", "trash", tooltip="the trash: what was deleted", id="runs.trash", show=False),
    ]

    @property
    @abstractmethod
    def table(self) -> RowTable[Row]:
        """The table."""

    def _runs(self, first: int, last: int) -> list[Run]:
        """Those of the rows from one to another."""
        return [summary.run for row in self.table.rows[first : last + 1] for summary in runs_of(row)]

    @property
    @abstractmethod
    def listed(self) -> Sequence[RunSummary]:
        """All runs, be they shown or not."""

    def targets(self) -> list[RunSummary]:
        """The runs that are marked; without marks that under the cursor, or those that its row stands for."""
        marked = set(self.shared.marked)
        return [run for run in self.listed if run.run in marked] or runs_of(self.row)

    @property
    def row(self) -> Row | None:
        """What the cursor is on."""
        table = self.table
        return table.rows[table.cursor] if table.rows else None

    def show_marks(self) -> None:
        marked = set(self.shared.marked)
        shown = {row: [run for run in self._runs(row, row) if run in marked] for row in range(len(self.table.rows))}
        self.table.marks = {row: self._sign(runs[0]) for row, runs in shown.items() if runs}
        self.table.redraw()
        label, count = self.query_one("#marked", Label), len(marked)
        label.display = bool(count)
        hidden = count - sum(map(len, shown.values()))
        not_shown = f" ({hidden} not shown)" if hidden else ""
        what = (
            "6 compares them, p s w r d act on them"
            if count > 1
            else "with another one 6 compares; p s w r d act on it"
        )
        if count:  # another text lays the screen out again
            label.update(f"{count} marked{not_shown}: {what}, * all or none")
        self.refresh_bindings()

    def _sign(self, run: Run) -> tuple[str, Style]:
        return run_looks.sign_of(self.shared.place_of(run), color_depth(self.app))

    def action_mark(self) -> None:
        if runs := self._runs(self.table.cursor, self.table.cursor):
            self.shared.mark(runs, not set(runs) <= set(self.shared.marked))
            self.show_marks()

    def action_mark_range(self) -> None:
        rows = self.table.rows
        last = self.shared.marked[-1] if self.shared.marked else None
        here = self.table.cursor
        first = next((row for row in range(len(rows)) if last in self._runs(row, row)), here)
        low, high = sorted((first, here))
        self.shared.mark(self._runs(low, high), True)
        self.show_marks()

    def action_mark_all(self) -> None:
        runs = self._runs(0, len(self.table.rows))
        self.shared.mark(runs, not set(runs) <= set(self.shared.marked))
        self.show_marks()

    # The queue

    def action_move_in_queue(self, places: int) -> None:
        for summary in able("move_in_queue", runs_of(self.row))[:1]:
            self._move_in_queue(summary.run, places)

    @work(thread=True, group="queue")
    def _move_in_queue(self, run: Run, places: int) -> None:
        from core.jobs.queue.waiting import move

        if place := attempt(self.app, lambda: move(run, places)):
            self.notify(f"{run.name} is number {place} in the queue", timeout=2, markup=False)
            self.app.call_from_thread(self.look_again, run)

    def action_pause_queue(self) -> None:
        self._pause_queue(not self.shared.selection.queue_paused)

    @work(thread=True, group="queue")
    def _pause_queue(self, paused: bool) -> None:
        from core.jobs.queue.waiting import set_paused

        def act() -> bool:
            set_paused(paused)
            return True

        if attempt(self.app, act):
            said = "the queue is paused; what trains goes on" if paused else "the queue goes on"
            self.notify(said, timeout=2, markup=False)
            self.app.call_from_thread(self.shared.pause_queue, paused)

    def action_trash(self) -> None:
        from tui.screens.runs.listing.trash import Trash

        self.app.push_screen(Trash(self.shared.runs_dir))
