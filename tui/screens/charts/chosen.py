"""What is chosen of charts: which are shown, the axes, the smoothing; it is kept from one use to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.containers import Vertical
from textual.message import Message

from core.errors import DamagedFile, describe
from tui import quantities, run_axis, series
from tui.messages import Snapshot
from tui.screens.charts import memory
from tui.screens.charts.choose import ChooseShown
from tui.screens.charts.window import Window
from tui.screens.selection import Shared
from tui.series import CurveOptions


class ChosenCharts(Vertical):
    """Takes in the choices and keeps them; what comes of them is drawn by `redraw`."""

    @dataclass
    class Changed(Message):
        """How curves are shown was changed."""

    def __init__(self, name: str, shared: Shared) -> None:
        super().__init__(id="charts")
        self._shared, self._kept_as = shared, name
        self._snapshots: Sequence[Snapshot] = ()
        self._options = CurveOptions()
        self._chosen: Sequence[str] = quantities.USUAL_CHARTS
        self._window = Window()
        self._focus: str | None = None  # the chart that keys are about, once one was chosen
        self._maximised = False

    @property
    def options(self) -> CurveOptions:
        """How curves are shown."""
        return self._options

    @property
    def _available(self) -> list[str]:
        """The charts that were chosen, or others where these runs have none of those."""
        return series.shown(self._snapshots, self._chosen)

    def redraw(self) -> None:
        """Draw the charts again."""
        raise LookupError(f"{type(self).__name__} draws nothing")

    def on_mount(self) -> None:
        try:
            kept = memory.read(self._shared.configuration, self._kept_as)
        except (DamagedFile, OSError) as error:
            self.notify(describe(error), severity="warning", markup=False)
            return
        self._options, self._chosen = kept.options, kept.charts
        self._focus, self._maximised = kept.enlarged or None, bool(kept.enlarged)
        self.screen.set_class(self._maximised, "-enlarged")

    def _remember(self) -> None:
        enlarged = (self._focus or "") if self._maximised else ""
        choices = memory.Choices(self._chosen, self._options, enlarged)
        self._shared.remember(self, memory.chosen(self._kept_as, choices))

    # What keys ask for

    def _choose(self, options: CurveOptions) -> None:
        if options.x != self._options.x:
            self._window = Window(y=self._window.y, cursor=self._cursor_on(options))
        self._options = options
        self.redraw()
        self.post_message(self.Changed())
        self._remember()

    def _cursor_on(self, options: CurveOptions) -> float | None:
        """The cursor at the same moment of training on another axis."""
        if self._window.cursor is None:
            return None
        before, after = (run_axis.x_axis(self._snapshots, kind) for kind in (self._options.x, options.x))
        return run_axis.moved(self._snapshots, before, after, self._window.cursor)

    def action_charts(self) -> None:
        if not self._snapshots:
            return

        def chosen(keys: tuple[str, ...] | None) -> None:
            if keys is not None and list(keys) != shown:
                out_of_reach = [key for key in self._chosen if key not in there]
                self._chosen = [key for key in quantities.TITLES if key in keys or key in out_of_reach]
                self.redraw()
                self._remember()

        there, shown = series.available(self._snapshots), self._available
        titles = [(key, quantities.titles(key, self._snapshots)[0]) for key in there]
        self.app.push_screen(ChooseShown("charts", titles, shown), chosen)

    def action_scale(self) -> None:
        self._window = replace(self._window, y={})
        self._choose(self._options.next_scale())

    def action_x_axis(self) -> None:
        self._choose(self._options.next_x())

    def action_smoothing(self, by: int) -> None:
        self._choose(self._options.smoother(by))

    def action_narrow(self, by: int) -> None:
        self._window = replace(self._window, x=None)
        self._choose(self._options.narrower(by))
