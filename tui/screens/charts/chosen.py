"""What is chosen of charts: which are shown, the axes, the smoothing; it is kept from one use to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from textual.containers import Vertical
from textual.message import Message

from core import folders
from core.errors import DamagedFile, describe
from tui import quantities, series
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

    def __init__(self, name: str, shared: Shared, options: CurveOptions | None) -> None:
        super().__init__(id="charts")
        self._shared, self._kept_as = shared, name
        self._memory: Path | None = None
        self._snapshots: Sequence[Snapshot] = ()
        self._options = options or CurveOptions()
        self._chosen: Sequence[str] = quantities.USUAL_CHARTS
        self._window = Window()

    @property
    def options(self) -> CurveOptions:
        """How curves are shown."""
        return self._options

    def redraw(self) -> None:
        """Draw the charts again."""
        raise LookupError(f"{type(self).__name__} draws nothing")

    def on_mount(self) -> None:
        try:
            if self._shared.keeps_choices:
                self._memory = folders.state_dir() / "charts" / f"{self._kept_as}.json"
            kept = memory.read(self._memory) if self._memory else None
        except (DamagedFile, OSError) as error:
            self.notify(describe(error), severity="warning", markup=False)
            return
        if kept is not None:
            self._options = kept.options(self._options)
            self._chosen = [key for key in quantities.TITLES if key in kept.charts] or quantities.USUAL_CHARTS

    def _remember(self) -> None:
        """Keep what is chosen, off the UI thread."""
        if self._memory is not None:
            options = self._options
            choices = memory.Choices(
                charts=tuple(self._chosen), x=options.x, scale=options.scale, weight=options.weight
            )
            self.run_worker(partial(self._write, self._memory, choices), thread=True, exclusive=True, group="memory")

    def _write(self, path: Path, choices: memory.Choices) -> None:
        try:
            memory.write(path, choices)
        except OSError as error:
            self.notify(describe(error), severity="warning", markup=False)

    # What keys ask for

    def _choose(self, options: CurveOptions) -> None:
        if options.x != self._options.x:
            self._window = Window(y=self._window.y)
        self._options = options
        self.redraw()
        self.post_message(self.Changed())
        self._remember()

    def action_charts(self) -> None:
        if not self._snapshots:
            return

        def chosen(keys: tuple[str, ...] | None) -> None:
            if keys is not None:
                out_of_reach = [key for key in self._chosen if key not in there]
                self._chosen = [key for key in quantities.TITLES if key in keys or key in out_of_reach]
                self.redraw()
                self._remember()

        there = series.available(self._snapshots)
        titles = [(key, quantities.TITLES[key]) for key in there]
        self.app.push_screen(ChooseShown("charts", titles, [key for key in there if key in self._chosen]), chosen)

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
