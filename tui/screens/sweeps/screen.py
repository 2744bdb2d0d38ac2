"""What a sweep came to: a table of its runs, the best first, and below it a plot that the cursor moves in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label

from core.runs.choosing.outcome import FIGURES, Outcome, SeedGroup
from core.runs.run import Run
from core.text import printable
from tui.background.readers import OutcomeReader
from tui.messages import RunOpened
from tui.screens import exporting
from tui.screens.base import SCREENS
from tui.screens.exporting import Export, export_files
from tui.screens.selection import Selection, Shared
from tui.screens.sweeps.columns import Row, columns_of, heading, importance, name, rows_of, runs_of
from tui.screens.sweeps.plot import LOOKS, SweepPlot
from tui.screens.sweeps.whole import WholeSweep
from tui.widgets.bars import KeyLine, TopBar
from tui.widgets.row_table import RowTable


class SweepScreen(WholeSweep):
    """Opened by `W` on a run of a sweep."""

    ABOUT = "sweep: its runs by a figure, one setting against it, and all of them as parallel coordinates"
    CSS = """
    SweepScreen #sweep { height: 1fr; }
    SweepScreen RowTable { height: 2fr; background: $background; }
    SweepScreen SweepPlot { height: 3fr; }
    SweepScreen.-table SweepPlot { display: none; }
    SweepScreen.-short SweepPlot { display: none; }
    SweepScreen #summary { height: auto; max-height: 2; width: 100%; padding: 0 1; color: $text-muted; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", tooltip="back to the list", id="sweep.back"),
        Binding(
            "enter",
            "open_run",
            "open",
            key_display="enter",
            tooltip="show how the run trains",
            id="sweep.open",
            show=False,
            priority=True,
        ),
        Binding(
            "v",
            "next_view",
            "plot",
            tooltip="one setting against the figure, all settings as parallel coordinates, or the table alone",
            id="sweep.view",
        ),
        Binding("x", "x_axis", "setting", tooltip="the next setting on the x axis", id="sweep.setting"),
        Binding("o", "order", "figure", tooltip="compare the runs by the next figure", id="sweep.figure"),
        Binding(
            "h",
            "fold",
            "seeds",
            tooltip="runs that differ in nothing but the seed as one row: their mean and standard deviation",
            id="sweep.fold",
        ),
        Binding("l", "unfold", "runs", tooltip="a row for each run again", id="sweep.unfold", show=False),
        *WholeSweep.WHOLE_KEYS,
        Binding("e", "export", "export", tooltip="write all runs, settings and figures to a file", id="sweep.export"),
        Binding("g", "edge(0)", "first", tooltip="the first run", id="sweep.first", show=False),
        Binding("G", "edge(-1)", "last", tooltip="the last run", id="sweep.last", show=False),
        Binding("home", "edge(0)", id="sweep.home", show=False, priority=True),
        Binding("end", "edge(-1)", id="sweep.end", show=False, priority=True),
    ]

    def __init__(self, shared: Shared, name: str, key: str) -> None:
        super().__init__(shared)
        self._sweep, self._key = name, key
        self._figure: str | None = None  # the usual one where none was chosen
        self._rows: Sequence[Row] = ()
        self._folded = False  # seeds into a row

    def compose(self) -> ComposeResult:
        yield TopBar(SCREENS, "runs")
        with Vertical(id="sweep"):
            table: RowTable[Row] = RowTable({"run": name})
            yield table
            yield SweepPlot()
        yield Label("looking for its runs", id="summary", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(TopBar).show_run(f"sweep {printable(self._sweep)}", Text())
        self._follower.follow(lambda: OutcomeReader(self.shared.runs_dir, self._key))
        self.table.focus()

    @property
    def table(self) -> RowTable[Row]:
        return self.query_one(RowTable)

    @property
    def figure(self) -> str:
        """By what runs are compared."""
        return self._figure or (self.found.usual_figure if self.found else "val_loss")

    @property
    def topic(self) -> str:
        return "sweep"

    @property
    def chosen(self) -> Row | None:
        """What is under the cursor."""
        return self._rows[self.table.cursor] if self._rows else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "step_run":
            return False  # the cursor steps
        if action == "x_axis":
            several = self.found is not None and len(self.found.varied) > 1
            return (several and self.query_one(SweepPlot).look == LOOKS[0]) or None
        if action in ("fold", "unfold"):
            if self.found is None or not self.found.groups:
                return False  # its runs differ in more than the seed
            return self._folded == (action == "unfold") or None
        return super().check_action(action, parameters)

    def say_why_not(self, action: str) -> bool:
        if self.found is None or self.check_action(action, ()) is not None:
            return False
        one_setting = len(self.found.varied) < 2
        reasons = {
            "x_axis": "its runs differ in one setting at most"
            if one_setting
            else "v shows one setting at a time first",
            "fold": "seeds are a row already; l shows the runs",
            "unfold": "each run has its row",
        }
        if action not in reasons:
            return super().say_why_not(action)
        self.notify(reasons[action], severity="warning", timeout=4, markup=False)
        return True

    # What is shown

    def show_outcome(self, found: Outcome) -> None:
        here = {*runs_of(self.chosen)}
        self.found = found
        self._folded = self._folded and bool(found.groups)
        self._rows = rows_of(found, self.figure, folded=self._folded)
        places = [place for place, row in enumerate(self._rows) if here.intersection(runs_of(row))]
        with self.app.batch_update():
            self.table.show(self._rows, next(iter(places), 0))
            self._change_columns()
            summary = found.summary_of_seeds(self.figure) if self._folded else found.summary(self.figure)
            held = "; the queue is paused" if self.waits_in_vain else ""
            self.query_one("#summary", Label).update(f"{printable(summary)}{held}")
            self._draw()
        self.refresh_bindings()

    def _apply(self, selection: Selection) -> None:
        super()._apply(selection)
        if self.found is not None:
            self.show_outcome(self.found)

    def _change_columns(self) -> None:
        if self.found is not None:
            width = self.size.width
            columns = columns_of(self.found, self._best, width, folded=self._folded)
            sign = {heading(self.figure, width): " ▲"}
            self.table.change_columns(columns, sign, importance(self.found, self.figure, width))

    def on_resize(self) -> None:
        self._change_columns()

    @property
    def _best(self) -> list[Run]:
        """The best run, or those of the best mean."""
        if self.found is None:
            return []
        best = self.found.best_group(self.figure) if self._folded else self.found.best(self.figure)
        return runs_of(best)

    def _draw(self) -> None:
        self.query_one(SweepPlot).show(self.found, self.figure, self._best, runs_of(self.chosen))

    def on_row_table_moved(self) -> None:
        self._draw()

    def on_row_table_chosen(self) -> None:
        self.action_open_run()

    def action_open_run(self) -> None:
        if isinstance(self.chosen, SeedGroup):
            self.action_unfold()
        elif self.chosen is not None:
            self.post_message(RunOpened(self.chosen.run))

    def action_fold(self) -> None:
        self._fold(folded=True)

    def action_unfold(self) -> None:
        self._fold(folded=False)

    def _fold(self, *, folded: bool) -> None:
        if self.found is not None:
            self._folded = folded
            self.show_outcome(self.found)

    def action_export(self) -> None:
        found, figure = self.found, self.figure
        if found is None:
            export_files(self, self.shared, None)
            return
        stem, columns = f"{found.name}-sweep", found.as_table(figure)
        export_files(self, self.shared, Export(lambda folder: exporting.write_table(folder, stem, columns)))

    def action_edge(self, place: int) -> None:
        self.table.move_to(place % max(1, len(self._rows)))

    def action_back(self) -> None:
        self.dismiss()

    def action_next_view(self) -> None:
        look = self.query_one(SweepPlot).turn()
        self.set_class(look == LOOKS[-1], "-table")
        self.refresh_bindings()

    def action_x_axis(self) -> None:
        self.query_one(SweepPlot).next_setting()

    def action_order(self) -> None:
        if self.found is None:
            return
        known = [name for name in FIGURES if self.found.has(name)] or [self.figure]
        place = known.index(self.figure) + 1 if self.figure in known else 0
        self._figure = known[place % len(known)]
        self.show_outcome(self.found)
