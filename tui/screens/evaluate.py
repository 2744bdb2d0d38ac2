"""Screen 7: how good a run's model is, measured when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from core.choices import SAMPLERS, default_sampler, samplers
from core.run import Run
from tui import export, figures
from tui.evaluator import Cancelled, Evaluator, Measured, Measurement
from tui.screens.explore_screen import ExploreScreen, MakeExplorer, MakeReader
from tui.widgets.figure_panel import Column, FigurePanel

if TYPE_CHECKING:
    from core.explorer import Explorer

SAMPLES = (10_000, 1_000)
SEEDS = 3
SAY_SECONDS = 0.5


class EvaluateScreen(ExploreScreen):
    """The figures of a run by each sampler they were measured with, kept until the app is left."""

    TITLE_IN_BAR = "evaluate"

    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "measure", "measure", key_display="enter", tooltip="measure the weights", id="evaluate.measure"
        ),
        Binding("escape", "cancel", "cancel", tooltip="end the measurement", id="evaluate.cancel"),
        Binding("s", "sampler", "sampler", tooltip="the next way to draw latents", id="evaluate.sampler"),
        Binding("n", "samples", "samples", tooltip="draw 1,000 or 10,000 samples", id="evaluate.samples"),
        Binding("up", "move(-1)", "figure", key_display="↑↓", tooltip="explain another figure", show=False),
        Binding("down", "move(1)", show=False),
    ]

    def __init__(self, make_reader: MakeReader, make_explorer: MakeExplorer, evaluator: Evaluator) -> None:
        super().__init__(make_reader, make_explorer)
        self._evaluator = evaluator
        self.sampler: str | None = None  # None: the one that suits the run
        self.samples = SAMPLES[0]
        self.measurement: Measurement | None = None
        self._measured: dict[tuple[Run, int, str], Measured] = {}
        self._meanings: Mapping[str, str] = {}
        self._failure = ""  # why the last measurement came to nothing
        self._looked_at: int | None = None  # the weights of which it is known whether they can be measured

    def compose_body(self) -> ComposeResult:
        yield FigurePanel(id="body")

    @property
    def _panel(self) -> FigurePanel:
        return self.query_one(FigurePanel)

    def on_mount(self) -> None:
        self._clock = self.set_interval(SAY_SECONDS, self._tell, pause=True)

    def on_unmount(self) -> None:
        self._cancel()

    @property
    def shown_sampler(self) -> str:
        """The sampler that was chosen, else the one that suits the run."""
        return self.sampler or default_sampler(self.preset)

    @property
    def shown(self) -> dict[str, Measured]:
        """What was measured of the run with as many samples as are chosen, by sampler."""
        keys = {name: (self.run_shown, self.samples, name) for name in SAMPLERS}
        return {name: self._measured[key] for name, key in keys.items() if key in self._measured}

    # What is shown

    def renew(self) -> None:
        run, sighting = self.run_shown, self.sighting
        if run is not None and sighting is not None and sighting.weights != self._looked_at:
            if self._looked_at is None:
                self._panel.say("")
            self._looked_at = sighting.weights
            self.ask("figures", lambda explorer: self._evaluator.figures(run), self._show_figures)
        self._draw()

    def forget(self) -> None:
        if self.measurement is not None:
            self.notify("the measurement was cancelled: another run is shown")
        self.sampler, self._looked_at, self._meanings, self._failure = None, None, {}, ""
        self.say("waiting for the run")

    def say(self, words: str) -> None:
        failed = self.measurement is not None and bool(self._meanings)
        self._cancel()
        if failed:  # what was measured before is still true
            self._failure = words
            self._draw()
        else:
            self._panel.say(words)
            self.head()

    def _show_figures(self, meanings: Mapping[str, str]) -> None:
        self._meanings = meanings
        self._panel.say("")
        self._draw()

    def _draw(self) -> None:
        self.refresh_bindings()
        if self.sighting is None or self._panel.has_message:
            return
        config, measured = self.sighting.summary.config, self.shown.get(self.shown_sampler)
        dataset = measured.evaluation.dataset if measured else config.dataset if config else ""
        wish = measured.evaluation.wish if measured else None
        self.head(figures.conditions(self.shown_sampler, self.samples, SEEDS, dataset, wish))
        columns = [self._column(name) for name in SAMPLERS]
        self._panel.show(self._meanings, [each for each in columns if each.measured or each.chosen or each.measuring])
        self._tell()

    def _column(self, sampler: str) -> Column:
        newest, at = self.sighting.weights if self.sighting else 0, self.measurement
        measuring = at is not None and (at.sampler, at.samples) == (sampler, self.samples)
        return Column(sampler, self.shown.get(sampler), newest, sampler == self.shown_sampler, measuring)

    def _tell(self) -> None:
        column = self._column(self.shown_sampler)
        words = [self._failure or "enter measures these figures; it takes minutes, training goes on meanwhile"]
        if self.measurement is not None:
            words = [f"measuring with {self.measurement.sampler}: {self.measurement.words}"]
        elif column.measured is not None and not self._failure:
            words = [f"{column.sampler}: {figures.epoch(column.measured)}"]
            if column.is_old:
                words.append("the weights are newer: enter measures again")
            else:
                words += filter(None, (figures.classifier(column.measured.evaluation), column.measured.note))
        self._panel.tell(", ".join(words))

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sampler", "samples", "measure"):
            if self.run_shown is None:
                return False  # n starts a run then
            return action != "measure" or self.measurement is None or None
        return action != "cancel" or self.measurement is not None or None

    def action_measure(self) -> None:
        run, sampler, samples = self.run_shown, self.shown_sampler, self.samples
        if run is None:
            return
        self.measurement = measurement = Measurement(sampler, samples)

        def question(explorer: Explorer) -> Measured | None:
            try:
                return self._evaluator.measure(run, sampler, samples, SEEDS, measurement.say)
            except Cancelled:
                return None

        def show(measured: Measured | None) -> None:
            if measured is not None and not measurement.cancelled:
                self._measured[run, samples, sampler] = measured
                self._cancel()
                self._draw()

        self._panel.say("")
        self._failure = ""
        self._clock.resume()
        self.ask("measure", question, show)
        self._draw()

    def action_cancel(self) -> None:
        self._cancel()
        self._draw()

    def _cancel(self) -> None:
        """Let the measurement end, if it has not yet."""
        if self.measurement is not None:
            self.measurement.cancelled = True
        self.measurement = None
        self._clock.pause()

    def action_sampler(self) -> None:
        names = samplers(self.preset)
        self.sampler, self._failure = names[(names.index(self.shown_sampler) + 1) % len(names)], ""
        self._draw()

    def action_samples(self) -> None:
        self.samples, self._failure = SAMPLES[(SAMPLES.index(self.samples) + 1) % len(SAMPLES)], ""
        self._draw()

    def action_move(self, by: int) -> None:
        self._panel.table.move_cursor(row=self._panel.table.cursor_row + by)

    def write_files(self, folder: Path, stem: str) -> list[Path]:
        run, measured = self.run_shown, list(self.shown.values())
        if run is None or not measured:
            return []
        return figures.write(run.name, measured, self._meanings, partial(export.unused_path, folder, stem))
