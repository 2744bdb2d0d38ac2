"""The charts of one run, or of several over each other: one cursor and one range of x for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Label

from tui import quantities, run_axis, series
from tui.drawing.plots.axes import Range, values_of
from tui.messages import Snapshot
from tui.screens import exporting
from tui.screens.charts.chosen import ChosenCharts
from tui.screens.charts.keys import CHART_KEYS
from tui.screens.charts.layout import Layout, arrange
from tui.screens.charts.window import HOW_TO_TYPE, PAN, ZOOM, Window, panned, parse_ranges, zoomed
from tui.screens.dialogs import AskValue
from tui.screens.exporting import Export
from tui.screens.selection import Shared
from tui.widgets.plot import Plot, Shown

TOPICS = {"kl": "kl", "kl_channels": "kl", "frechet": "frechet", "active_units": "units"}  # of charts, else the loss
NOTHING_YET, NOTHING_THERE = "no steps yet", "nothing in this range; 0 shows the whole"


class ChartGrid(ChosenCharts, can_focus=True):
    """Draws the newest snapshots it was shown, as much of them and as smooth as it is asked to."""

    DEFAULT_CSS = """
    ChartGrid #parts { height: 1fr; layout: grid; grid-gutter: 0 1; }
    ChartGrid #left_out { height: 1; width: 100%; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    ABOUT = "charts: one cursor and one range of x for all of them; keys are about the marked one"
    BINDINGS: ClassVar[list[BindingType]] = CHART_KEYS

    def __init__(self, name: str, shared: Shared) -> None:
        super().__init__(name, shared)
        self._pointed = False  # the cursor is the pointer's
        self._laid_out: Layout | None = None

    def compose(self) -> ComposeResult:
        first, *others = quantities.TITLES
        yield Plot(quantities.TITLES[first], quantities.SHORT_TITLES[first], id=first)
        with Container(id="parts"):
            for key in others:
                yield Plot(quantities.TITLES[key], quantities.SHORT_TITLES[key], id=key)
        yield Label("", id="left_out", markup=False)

    # What is shown

    def show(self, snapshots: Sequence[Snapshot]) -> None:
        """Draw the curves of these; of other runs than before from the beginning."""
        if {snapshot.run for snapshot in snapshots} != {snapshot.run for snapshot in self._snapshots}:
            self._window = Window()
        self._snapshots = snapshots
        self.redraw()

    def redraw(self) -> None:
        """Draw the charts again; the first one is seen before the others are drawn."""
        if not self._snapshots:
            for plot in self.query(Plot):
                plot.show(Shown())
            return
        self._lay_out(self._available)
        for key in self._seen[:1]:
            self._draw(key)
        self.call_after_refresh(self._draw_others, self._snapshots)  # a key that comes meanwhile waits for less

    def _draw_others(self, snapshots: Sequence[Snapshot]) -> None:
        if snapshots is self._snapshots:
            for key in self._seen[1:]:
                self._draw(key)

    @property
    def _seen(self) -> list[str]:
        return [key for key in self._available if self._plot(key).display]

    @property
    def _axis(self) -> run_axis.Axis:
        return run_axis.x_axis(self._snapshots, self._options.x)

    @property
    def shown_range(self) -> Range:
        """The range of x that is seen."""
        return self._window.x or self._axis.range_of(self._options.fraction)

    def _draw(self, key: str) -> None:
        axis, window, options = self._axis, self._window, self._options
        chart = series.chart(self._snapshots, key, options, axis, self._shared.place_of)
        label = axis.label
        if window.cursor is not None and chart.key == self._main:
            label = run_axis.position(self._snapshots, axis, window.cursor) or label
        plot = self._plot(key)
        plot.title, plot.short_title = chart.title, chart.short_title
        plot.show(
            Shown(
                chart.curves,
                self.shown_range,
                window.y.get(chart.key),
                options.scale,
                label,
                axis.unit,
                window.cursor,
                chart.key == self._focus and len(self._keys) > 1,
                NOTHING_YET if self._window == Window() else NOTHING_THERE,
            )
        )

    def _plot(self, key: str) -> Plot:
        return self.query_one(f"#{key}", Plot)

    @property
    def _keys(self) -> list[str]:
        """The charts that can be seen, in order."""
        return [key for key in quantities.TITLES if self._plot(key).display]

    @property
    def topic(self) -> str:
        """What the marked chart shows, by its name among the formulas."""
        error = "error" if "gaussian" in quantities.likelihoods(self._snapshots) else "loss_bernoulli"
        return (TOPICS | {"reconstruction": error}).get(self._focus or "", "loss")

    @property
    def _main(self) -> str:
        """The chart that keys are about."""
        return self._focus if self._focus in self._keys else self._keys[0]

    def on_resize(self) -> None:
        if self._snapshots and self._arranged(self._available) != self._laid_out:
            self.redraw()

    def _arranged(self, keys: list[str]) -> Layout:
        tiny, short = (self.screen.has_class(name) for name in ("-tiny", "-short"))
        alone = self._maximised or tiny
        return arrange(keys, next(iter(quantities.TITLES)), self._focus, self.size, alone=alone, short=short)

    def _lay_out(self, keys: list[str]) -> None:
        layout = self._arranged(keys)
        if layout == self._laid_out:
            return
        self._laid_out = layout
        below = self.query_one("#parts")
        below.display = bool(layout.below)
        below.styles.grid_size_columns, below.styles.grid_size_rows = layout.columns, layout.rows
        below.styles.height = f"{layout.rows}fr"
        for key in quantities.TITLES:
            self._plot(key).display = key == layout.above or key in layout.below
        said = self.query_one("#left_out", Label)
        said.display = bool(layout.left_out) and not self._maximised
        names = ", ".join(quantities.titles(key, self._snapshots)[1] for key in layout.left_out)
        where = "tab, or 64 columns by 22 lines" if self.screen.has_class("-tiny") else f"tab goes on to {names}"
        said.update(f"{len(layout.left_out)} more: {where}")

    def to_export(self, stem: str, title: str) -> Export | None:
        """What is drawn."""
        if not self._snapshots or not any(len(snapshot.steps["step"]) for snapshot in self._snapshots):
            return None
        axis, window, scale, shown = self._axis, self._window, self._options.scale, self.shown_range
        drawn = series.charts(self._snapshots, self._options, axis, self._shared.place_of, self._chosen)
        return Export(
            lambda folder: exporting.write_curves(folder, stem, title, drawn, axis.label, shown, scale, window.y),
            exporting.WHOLE_TABLE,
        )

    # What keys ask for

    def _change(self, window: Window) -> None:
        if self._snapshots and window != self._window:
            self._window = window
            self.redraw()

    def action_move(self, by: int) -> None:
        canvas = self._plot(self._main).canvas if self._snapshots else None
        if canvas is None:
            return
        cursor, end = self._window.cursor, min(canvas.column(self._axis.end), canvas.columns - 1)
        column = end if cursor is None else min(max(canvas.column(cursor) + by, 0), canvas.columns - 1)
        self._pointed = False
        self._change(self._window.at(canvas.x_at(column)))

    def action_edge(self, which: int) -> None:
        if self._snapshots:
            self._pointed = False
            low, high = self.shown_range
            self._change(self._window.at((max(low, self._axis.start), min(high, self._axis.end))[which]))

    def action_turn(self, by: int) -> None:
        if not self._snapshots:
            return
        seen = self._available
        if self._focus not in seen:
            self._focus = self._main if len(seen) > 1 and by > 0 and self._focus is None else seen[0]
        else:
            self._focus = seen[(seen.index(self._focus) + by) % len(seen)]
        self.redraw()
        if self._maximised:
            self._remember()

    def action_maximise(self) -> None:
        if self._snapshots:
            self._focus = self._main
            self._maximised = not self._maximised
            self.screen.set_class(self._maximised, "-enlarged")
            self.redraw()
            self._remember()

    def action_leave(self) -> None:
        if self._window.cursor is not None:
            self._change(self._window.at(None))
        elif self._maximised:
            self.action_maximise()
        else:
            raise SkipAction

    def action_zoom(self, by: int) -> None:
        if self._snapshots:
            low, high = self.shown_range
            cursor = self._window.cursor
            about = cursor if cursor is not None and low <= cursor <= high else (low + high) / 2
            self._zoom_x(by, about)

    def _zoom_x(self, by: int, about: float) -> None:
        self._change(self._window.zoom_x(ZOOM**by, about, self.shown_range, self._axis.range_of(1.0)))

    def action_zoom_y(self, by: int) -> None:
        if (shown := self._shown_y(self._main)) is not None:
            self._see_y(self._main, zoomed(shown, ZOOM**by))

    def action_pan(self, right: int, up: int) -> None:
        if self._snapshots:
            self._pan(self._main, right * PAN, up * PAN)

    def _pan(self, key: str, right: float, up: float) -> None:
        window = self._window
        if right:
            window = window.pan_x(right, self.shown_range, self._axis.range_of(1.0))
        if up and (shown := self._shown_y(key)) is not None:
            window = window.with_y(key, self._values(panned(shown, up)))
        self._change(window)

    def action_type_range(self) -> None:
        def typed(ranges: dict[str, Range] | None) -> None:
            if ranges is not None and self._snapshots:
                window = replace(self._window, x=ranges.get("x"))
                y = {key: shown for key, shown in window.y.items() if key != main}
                self._change(replace(window, y=y | ({main: ranges["y"]} if "y" in ranges else {})))

        if self._snapshots:
            main = self._main
            (low, high), y = self.shown_range, self._window.y.get(main)
            suggestion = f"x {low:.12g} {high:.12g}" + (f"  y {y[0]:.12g} {y[1]:.12g}" if y else "")
            question = f"Range of x, and of y of {quantities.TITLES[main]}: {HOW_TO_TYPE}"
            self.app.push_screen(AskValue(question, suggestion, parse_ranges), typed)

    def action_whole(self) -> None:
        self._options = replace(self._options, fraction=series.VISIBLE_FRACTIONS[0])
        self._window = Window()
        self.redraw()

    def _shown_y(self, key: str) -> Range | None:
        """The range of y that a chart shows, on a logarithmic scale of logarithms."""
        canvas = self._plot(key).canvas
        return canvas.y if canvas else None

    def _see_y(self, key: str, shown: Range) -> None:
        self._change(self._window.with_y(key, self._values(shown)))

    def _values(self, shown: Range) -> Range:
        return values_of(shown) if self._options.scale == "log" else shown

    # What the mouse asks for

    def on_plot_pointed(self, message: Plot.Pointed) -> None:
        if message.x is not None or self._pointed:
            self._pointed = message.x is not None
            self._change(self._window.at(message.x))

    def on_plot_zoomed(self, message: Plot.Zoomed) -> None:
        key, by = message.plot.id or "", 1 if message.closer else -1
        if not message.along_y:
            self._zoom_x(by, message.x)
        elif (shown := self._shown_y(key)) is not None:
            self._see_y(key, zoomed(shown, ZOOM**by))

    def on_plot_dragged(self, message: Plot.Dragged) -> None:
        self._pan(message.plot.id or "", -message.right, message.down)

    def on_plot_chosen(self, message: Plot.Chosen) -> None:
        if self._snapshots:
            self._focus = message.plot.id
            self.action_maximise()

    def on_plot_pressed(self, message: Plot.Pressed) -> None:
        self.focus(scroll_visible=False)
