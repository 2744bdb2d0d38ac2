"""What a model makes of the hidden part of a drawn digit: several answers side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from core.latents.options import GUIDANCE_STEPS, SEEDS, CompletionOptions
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from core.sketch.sheet import Sheet
from tui import formatting
from tui.drawing.tiles import Tiling
from tui.panels import TilePage
from tui.screens import exporting
from tui.screens.asking import Abandoned
from tui.screens.dialogs import AskClass, AskNumber
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.help.formulas import for_run
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.inspect.sampling.cursor import TileCursor
from tui.screens.moments.detail import DetailScreen
from tui.screens.selection import Shared
from tui.screens.sketch.answers import Answers, pictures
from tui.screens.sketch.keys import COMPLETION_KEYS

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer
    from core.explorer.results import Completions

TILE = (1, *IMAGE_SHAPE)
NONE_YET = np.zeros((0, *IMAGE_SHAPE), np.float32)


@dataclass(frozen=True, eq=False)
class Completed:
    """Answers, and what they were asked for with."""

    options: CompletionOptions
    answer: Completions

    def differences(self, wanted: CompletionOptions) -> str:
        """What tells it from other answers that are wanted, such as `digit 3, guidance 2, seed 1`."""
        is_other = (wanted.digit, wanted.guidance) != (self.options.digit, self.options.guidance)
        asked = formatting.digit_asked(wanted.digit, wanted.guidance) if is_other else ""
        return ", ".join(filter(None, (asked, f"seed {wanted.seed}" if wanted.seed != self.options.seed else "")))


class CompletionScreen(TileCursor, DetailScreen):
    """Opened by `enter` on the sheet; the first picture is what the model sees of it, each other one an answer."""

    ABOUT = "completion: what is hidden of a drawn digit, as the model completes it"
    TITLE_IN_BAR = "completion"

    CSS = "CompletionScreen #body { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = COMPLETION_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources, sheet: Sheet, opened_from: str) -> None:
        super().__init__(shared, sources)
        self._sheet, self._opened_from = sheet, opened_from
        self.options = CompletionOptions()  # what was asked for last
        self.chosen = 1
        self.completed: Completed | None = None  # what is seen
        self._asked = object()  # stands for the newest question
        self._asked_for: tuple[object, ...] = ()  # what that was about

    @property
    def title_in_bar(self) -> str:
        return self._opened_from

    @property
    def topic(self) -> str:
        return for_run("completion" if self.preset.learns_prior else "completion_optimised", self._config)

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Answers(at_least=self.options.count + 1, message="completing", id="answers")

    @property
    def _gallery(self) -> Answers:
        return self.query_one("#answers", Answers)

    # What is shown

    @property
    def choosable(self) -> range:
        return range(1, self.options.count + 1)

    @property
    def _tiling(self) -> Tiling | None:
        return self._gallery.tiling(TILE)

    def request_content(self) -> None:
        sheet, options, run, update = self._sheet, self.options, self.selected_run, self.run_update
        if run is None or update is None:
            return
        asked_for = run, update.weights_version, options
        if asked_for == self._asked_for:  # there is more room or less
            return
        self._asked = asked = object()
        self._asked_for = asked_for
        self.refresh_bindings()
        self._draw()
        said = self.reporter(run)

        def report(words: str) -> None:
            if self._asked is not asked:
                raise Abandoned
            said(words)

        def question(explorer: Explorer) -> Completions:
            return explorer.complete(sheet.ink, sheet.hidden, options)

        self.ask("completions", question, lambda answer: self._show(Completed(options, answer)), report)

    def on_unmount(self) -> None:
        self._asked = object()

    def show_message(self, message: str) -> None:
        self.completed, self._asked_for = None, ()
        self.wait_for("")
        self._gallery.show_message(message)
        self.set_heading()

    def _show(self, completed: Completed) -> None:
        self.completed = completed
        self._draw()

    def _draw(self) -> None:
        done = self.completed
        if done is None:
            self._gallery.show_answers(self._sheet, NONE_YET, [], 0)
        else:
            captions = formatting.completions(done.answer)
            self._gallery.show_answers(self._sheet, done.answer.images, captions, self.chosen)
        options = done.options if done else self.options
        hidden = f"{self._sheet.hidden.sum()} of {self._sheet.hidden.size} pixels are hidden"
        self.set_heading(
            formatting.completion_asked(options, self.preset),
            f"{formatting.completed_by(options, self.preset)}; {hidden}",
            "error: of the pixels seen" if options.digit is None else "{ } say how strongly",
        )
        following = done.differences(self.options) if done else ""
        self.wait_for(following and f"next: {following}")

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("classes", "guidance") and not self.preset.learns_prior:
            return False
        if action == "guidance" and self.options.digit is None:
            return None
        return super().check_action(action, parameters)

    def say_why_not(self, action: str) -> bool:
        if action.startswith(("guidance", "classes")) and not self.preset.learns_prior:
            self.notify("only a learned prior can be asked for a digit", severity="warning", timeout=4, markup=False)
            return True
        if action.startswith("guidance") and self.options.digit is None:
            self.notify("guidance is towards a digit: c asks for one", severity="warning", timeout=4, markup=False)
            return True
        return super().say_why_not(action)

    def _change(self, options: CompletionOptions) -> None:
        if options != self.options:
            self.options = options
            self.request_content()

    def action_seed(self, by: int) -> None:
        self._change(replace(self.options, seed=min(max(self.options.seed + by, SEEDS[0]), SEEDS[1])))

    def action_type_seed(self) -> None:
        def answered(seed: int | None) -> None:
            if seed is not None:
                self._change(replace(self.options, seed=seed))

        self.app.push_screen(AskNumber("The seed of the answers:", self.options.seed, *SEEDS), answered)

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self._change(replace(self.options, digit=None if answer == "a" else int(answer)))

        there = self.completed.answer.askable if self.completed else None
        self.app.push_screen(AskClass("Which digit?", "any", there=there), answered)

    def action_guidance(self, by: int) -> None:
        place = GUIDANCE_STEPS.index(self.options.guidance) + by
        self._change(replace(self.options, guidance=GUIDANCE_STEPS[min(max(place, 0), len(GUIDANCE_STEPS) - 1)]))

    def action_walk(self) -> None:
        self.answers.when_newest("completions", partial(self._walk, self.chosen - 1))

    def _walk(self, place: int) -> None:
        if self.completed is not None:
            latent = self.completed.answer.latents[place]
            self.app.push_screen(LatentPathScreen(self.shared, self.sources, latent, opened_from=self.title_in_bar))

    def to_export(self, run: Run, stem: str) -> Export | None:
        done = self.completed
        if done is None:
            return None
        stem = f"{stem}-seed{done.options.seed}"
        by = formatting.completed_by(done.options, self.preset)
        title = exporting.title(run, self.moment, f"{by}: {formatting.completion_asked(done.options, self.preset)}")
        captions = ["what it sees", *formatting.completions(done.answer)]
        page = TilePage(pictures(self._sheet, done.answer.images)[:, None], len(captions), captions, title)
        return Export(lambda folder: exporting.write_tiles(folder, stem, page))
