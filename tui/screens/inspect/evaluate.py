"""Screen 7: how good a model is, measured on demand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from core.evaluation.results import METRIC_DESCRIPTIONS, Evaluation
from core.explorer.results import EvaluationResult
from core.latents.options import SAMPLERS
from core.runs.run import Run
from tui.background.evaluation import Cancelled, EvaluationJob
from tui.drawing import classes
from tui.evaluation_table import conditions, in_brief, otherwise
from tui.screens import exporting
from tui.screens.explore_base import ExploreScreen, ExploreSources
from tui.screens.exporting import Export
from tui.screens.help.formulas import for_run
from tui.screens.inspect.keys import EVALUATE_KEYS
from tui.screens.inspect.measured import SAMPLES, Measured, by_sampler, numbers, without_classes
from tui.screens.selection import Shared
from tui.widgets.facts.classes_panel import ClassesPanel
from tui.widgets.facts.metrics_table import MetricsPanel, SamplerColumn

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer


SEEDS = 3
VIEWS = ("metrics", "classes", "asked")
TOPICS = {
    "precision": "precision",
    "recall": "precision",
    "test_squared_error": "error",
    "elbo": "bounds",
    "iwae": "bounds",
    "active_units": "units",
}


class EvaluateScreen(ExploreScreen):
    """The metrics of a run for each sampler that was measured; the run keeps them."""

    ABOUT = "evaluate: how good the model is, each metric with its meaning"
    TITLE_IN_BAR = "evaluate"

    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]
    BINDINGS: ClassVar[list[BindingType]] = EVALUATE_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.sampler: str | None = None  # None: the one that suits the run
        self.samples: int | None = None  # None: what was measured, however many, else the most
        self.view = VIEWS[0]
        self.measurement: EvaluationJob | None = None
        self._drawn: Mapping[str, object] = {}  # of the figures that are known so far
        self._measured = Measured()
        self._meanings: Mapping[str, str] = {}
        self._failure = ""  # why the last measurement came to nothing
        self._hindrance = ""  # why none can be made
        self._looked_at: int | None = None  # the weights of which it is known whether they can be measured
        self._waiting = True

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield MetricsPanel(id="figures")
            yield ClassesPanel(id="classes")

    @property
    def _panel(self) -> MetricsPanel:
        return self.query_one(MetricsPanel)

    def on_mount(self) -> None:
        self._clock = self.set_interval(self.shared.timing.progress, self._follow, pause=True)

    def on_screen_resume(self) -> None:
        if self.run_update is not None:
            self._looked_at = None  # a command may have measured meanwhile
            self._request_content()

    def on_unmount(self) -> None:
        self._cancel()

    @property
    def shown_sampler(self) -> str:
        """The sampler that was chosen, else the one that suits the run."""
        return self.sampler or self.preset.default_sampler

    @property
    def measured(self) -> list[EvaluationResult]:
        """All that was measured of the run, of the newest weights first."""
        newest = self.run_update.weights_version if self.run_update else 0
        return self._measured.of(self.selected_run, newest)

    @property
    def shown(self) -> dict[str, EvaluationResult]:
        """What is shown of that by sampler: of as many samples as were chosen or, where none were, the newest."""
        return by_sampler(self.measured, self.samples)

    def samples_with(self, sampler: str) -> int:
        """How many samples are drawn with a sampler: as many as were chosen, else as were drawn of what is shown."""
        shown = self.shown.get(sampler)
        return self.samples or (shown.evaluation.samples if shown else SAMPLES[-1])

    @property
    def views(self) -> tuple[str, ...]:
        """Those that there is something to see in."""
        of = self.shown.get(self.shown_sampler)
        there = {"metrics": True, "classes": of and of.evaluation.classes, "asked": of and of.evaluation.asked}
        return tuple(view for view in VIEWS if there[view])

    @property
    def topic(self) -> str:
        return for_run(TOPICS.get(self._panel.table.metric, "frechet"), self._config)

    # What is shown

    def request_content(self) -> None:
        run, run_update = self.selected_run, self.run_update
        if run is not None and run_update is not None and run_update.weights_version != self._looked_at:
            if self._waiting:
                self._panel.show_message("")
            self._looked_at = run_update.weights_version
            self.ask("figures", lambda explorer: explorer.evaluations(), partial(self._show_figures, run))
            self.ask("check", lambda explorer: explorer.check_evaluable(), self._show_fitness)
        self._draw()

    def reset(self) -> None:
        if self.measurement is not None:
            self.notify("the measurement was cancelled: another run is shown")
        self.sampler, self.samples, self._looked_at, self._meanings = None, None, None, {}
        self._failure = self._hindrance = ""
        self.show_message("opening the run")
        self._waiting = True

    def on_replaced(self) -> None:
        self._measured.forget(self.selected_run)
        super().on_replaced()

    def show_message(self, message: str) -> None:
        measuring = self.measurement is not None
        failed = bool(self._meanings) and (measuring or bool(self.measured))
        self._looked_at = self._looked_at if measuring else None  # it may be asked again
        self._cancel()
        self._waiting = False
        if failed:  # what was measured before is still true
            self._failure, self._hindrance = (message, self._hindrance) if measuring else (self._failure, message)
            self._draw()
        else:
            self._panel.show_message(message)
            self.set_heading()

    def _show_figures(self, run: Run, kept: list[EvaluationResult]) -> None:
        """What is kept is seen before it is known whether more can be measured, which takes PyTorch."""
        for result in reversed(kept):
            self._measured.add(run, result)
        if kept:
            self._show_table()

    def _show_fitness(self, _: object) -> None:
        self._hindrance = ""
        self._show_table()

    def _show_table(self) -> None:
        self._meanings = METRIC_DESCRIPTIONS
        self._panel.show_message("")
        self._draw()

    def _draw(self) -> None:
        self.refresh_bindings()
        if self.run_update is None or self._panel.has_message:
            return
        config, sampler, shown = self.run_update.summary.config, self.shown_sampler, self.shown.get(self.shown_sampler)
        measured = shown.evaluation if shown else None
        dataset = measured.dataset if measured else config.dataset if config else ""
        asked = sampler, self.samples_with(sampler), measured.draws if measured else SEEDS, dataset
        self.set_heading(conditions(*asked, measured.sampling_options if measured else None), short=in_brief(*asked))
        self._draw_classes(measured)
        columns = map(self._column, SAMPLERS)
        self._panel.show(self._meanings, [each for each in columns if each.measured or each.chosen or each.measuring])
        self._show_progress()

    def _draw_classes(self, evaluation: Evaluation | None) -> None:
        """Show the classes in place of all images, where that was asked for and they were measured."""
        view = self.view if self.view in self.views else VIEWS[0]
        panel = self.query_one(ClassesPanel)
        panel.display, self._panel.display = view != VIEWS[0], view == VIEWS[0]
        if evaluation is not None and view == "classes":
            panel.show(classes.class_table(evaluation), classes.MEANING)
        elif evaluation is not None and view == "asked":
            panel.show(classes.confusion_table(evaluation), classes.CONFUSION_MEANING)

    def _column(self, sampler: str) -> SamplerColumn:
        newest, at = self.run_update.weights_version if self.run_update else 0, self.measurement
        measuring = at is not None and (at.sampler, at.samples) == (sampler, self.samples_with(sampler))
        so_far = at.figures if at is not None and measuring else {}
        shown, chosen = self.shown.get(sampler), self.shown.get(self.shown_sampler)
        how = otherwise(shown, chosen)
        return SamplerColumn(sampler, shown, newest, sampler == self.shown_sampler, measuring, so_far, how)

    def _follow(self) -> None:
        """Show how far a measurement is, and the figures that are new."""
        figures = self.measurement.figures if self.measurement else {}
        if figures is not self._drawn:
            self._drawn = figures
            self._draw()
        else:
            self._show_progress()

    def _show_progress(self) -> None:
        words = self._failure or self._hindrance or self._column(self.shown_sampler).about
        if self.measurement is not None:
            words = f"measuring with {self.measurement.sampler}: {self.measurement.words}"
        self._panel.show_note(words or "enter measures these metrics; it takes minutes, training goes on meanwhile")

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sampler", "samples", "measure"):
            return action != "measure" or self.measurement is None or None
        return action != "cancel" or self.measurement is not None

    def action_measure(self) -> None:
        run, sampler, samples = self.selected_run, self.shown_sampler, self.samples_with(self.shown_sampler)
        if run is None:
            return
        self.measurement = measurement = EvaluationJob(sampler, samples)

        def question(explorer: Explorer) -> EvaluationResult | None:
            try:
                return explorer.evaluate(sampler, samples, SEEDS, show=measurement.show)
            except Cancelled:
                return None

        def show(measured: EvaluationResult | None) -> None:
            if measured is not None and not measurement.cancelled:
                self._measured.add(run, measured)
                self._cancel()
                self._draw()

        self._panel.show_message("")
        self._failure = ""
        self._clock.resume()
        self.ask("measure", question, show, measurement.report)
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

    def action_look(self) -> None:
        """Go on to the next view that shows something."""
        views = self.views
        if len(views) == 1:
            nothing = without_classes(self.shown.get(self.shown_sampler))
            self.notify(nothing if self.measurement is None else "being measured", markup=False)
        self.view = views[(views.index(self.view) + 1) % len(views)] if self.view in views else views[-1]
        self._draw()

    def action_sampler(self) -> None:
        names = self.preset.samplers
        self.sampler, self._failure = names[(names.index(self.shown_sampler) + 1) % len(names)], ""
        self._draw()

    def action_samples(self, by: int) -> None:
        now = self.samples_with(self.shown_sampler)
        found = numbers(self.measured, self.shown_sampler, now)
        self.samples, self._failure = found[min(max(found.index(now) + by, 0), len(found) - 1)], ""
        self._draw()

    def action_move(self, by: int) -> None:
        if not self._panel.display:
            self.query_one(ClassesPanel).move(by)
            return
        self._panel.table.move_cursor(row=self._panel.table.cursor_row + by)

    def action_edge(self, which: int) -> None:
        if not self._panel.display:
            self.query_one(ClassesPanel).to_edge(which)
            return
        table = self._panel.table
        table.move_cursor(row=which % max(1, table.row_count))

    def to_export(self, run: Run, stem: str) -> Export | None:
        measured = list(self.shown.values())
        if not measured or self._panel.has_message:
            return None
        return Export(lambda folder: exporting.write_evaluations(folder, stem, run.name, measured))
