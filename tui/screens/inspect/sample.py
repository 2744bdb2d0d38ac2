"""Screen 4: new digits, decoded from latents that a sampler draws."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from core.latents.options import (
    GUIDANCE_STEPS,
    SEEDS,
    STEPS,
    TEMPERATURES,
    SamplingOptions,
    check_whole,
    default_sampling_options,
)
from core.runs.run import Run
from core.shapes import IMAGE_SHAPE
from tui.screens import exporting
from tui.screens.dialogs import AskClass, AskNumber, AskValue
from tui.screens.explore_base import ExploreSources
from tui.screens.exporting import Export
from tui.screens.inspect.draws import Draw, DrawnScreen
from tui.screens.inspect.keys import SAMPLE_KEYS
from tui.screens.inspect.path import LatentPathScreen
from tui.screens.selection import Shared
from tui.widgets.gallery import Gallery

if TYPE_CHECKING:
    from tui.timelapse import Shot

ROWS, COLUMNS = 4, 8
COUNT = ROWS * COLUMNS
TILE = (1, *IMAGE_SHAPE)
SIZES: tuple[tuple[int, int | None], ...] = ((2, None), (8, None), (COUNT, COLUMNS))  # digits at least, and columns
FRAMES = 20  # steps of denoising that are shown, of more that many evenly spaced


class SampleScreen(DrawnScreen):
    """A grid of samples. One is chosen, to vary it or to walk from it to another.

    Samples of a learned prior have a class, guidance and a number of steps, and are shown on their way out of noise.
    """

    ABOUT = "sample: latents that are drawn, decoded to new digits"
    TITLE_IN_BAR = "sample"

    CSS = "SampleScreen #body { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = SAMPLE_KEYS

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.sampler: str | None = None  # None: the one that suits the run
        self.seed = 0
        self.tenths = 10  # of the temperature
        self.chosen = 0
        self.marks: tuple[int, ...] = ()  # the last two digits that were marked
        self.options = SamplingOptions()  # of the learned prior
        self._steps_typed = False
        self.animated = True

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield Gallery(at_least=COUNT, columns=COLUMNS, message="waiting for the run", id="grid")

    @property
    def _gallery(self) -> Gallery:
        return self.query_one("#grid", Gallery)

    @property
    def temperature(self) -> float:
        """How far samples stray: 1 is what the sampler says, 0 its centre."""
        return self.tenths / 10

    @property
    def shown_sampler(self) -> str:
        """The sampler that was chosen, else the one that suits the run."""
        return self.sampler or self.preset.default_sampler

    @property
    def topic(self) -> str:
        return "guidance" if self.shown_sampler == "learned" else "sampling"

    # What is shown

    @property
    def _dynamics(self) -> str:
        config = self.run_update.summary.config if self.run_update else None
        return config.dynamics if config else "flow"

    @property
    def wanted(self) -> Draw:
        """What was asked for last."""
        options = self.options if self.shown_sampler == "learned" else None
        return Draw(self.shown_sampler, self.seed, self.temperature, options, self.step)

    def request_content(self) -> None:
        if self.shown_sampler == "learned" and not self._steps_typed:
            self.options = replace(self.options, steps=default_sampling_options(self._dynamics).steps)
        self.refresh_bindings()
        draw, frames = self.wanted, FRAMES if self.animated else 1
        self.ask_for(draw, COUNT, frames)

    def reset(self) -> None:
        self.sampler, self.marks, self.chosen = None, (), 0
        self.options, self._steps_typed = SamplingOptions(), False
        self.show_message("waiting for the run")

    def show_message(self, message: str) -> None:
        self.forget()
        self._gallery.show_message(message)
        self.set_heading()

    def _draw(self) -> None:
        if self.samples is None:
            return
        tiling = self._gallery.tiling(TILE)
        self.chosen = min(self.chosen, max(0, tiling.capacity - 1 if tiling else 0))
        captions = ["marked" if place in self.marks else "" for place in range(COUNT)]
        images = self.samples.images[:, None].copy()
        if self.drawn is not None and not self.drawn.is_last:  # all of them would be too much for a slow connection
            images[tiling.columns if tiling else COLUMNS :] = 0
        self._gallery.show(images, captions, self.chosen)
        self._draw_heading()

    def _draw_heading(self) -> None:
        tiling = self._gallery.tiling(TILE)
        shown = min(COUNT, tiling.capacity) if tiling else 0
        what = "samples" if shown == COUNT else f"{shown} of {COUNT} samples"
        there = "t walks from the marked digit to the chosen one"
        walk = there if self._start(self.chosen) is not None else "t on another digit walks from here to it"
        walk = walk if self.marks else ""
        self.set_heading(what, str(self.drawn or ""), walk)

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("classes", "guidance"):
            return self.shown_sampler == "learned"
        if action == "animate":
            return self.shown_sampler == "learned" or bool(self.moments)
        return super().check_action(action, parameters)

    def action_sampler(self) -> None:
        names = self._config.sources if self._config else self.preset.samplers
        self.sampler = names[(names.index(self.shown_sampler) + 1) % len(names)]
        self.refresh_bindings()
        self._change()

    def action_seed(self, by: int) -> None:
        self.seed = min(max(self.seed + by, SEEDS[0]), SEEDS[1])
        self._change()

    def action_type_seed(self) -> None:
        def seeded(seed: int | None) -> None:
            if seed is not None:
                self.seed = seed
                self._change()

        def answered(typed: tuple[int, int] | None) -> None:
            if typed is not None:
                self.options, self._steps_typed = replace(self.options, steps=typed[1]), True
                seeded(typed[0])

        if self.shown_sampler != "learned":
            self.app.push_screen(AskNumber("The seed of the samples:", self.seed, *SEEDS), seeded)
            return
        now, most = f"{self.seed}, {self.options.steps}", STEPS[self._dynamics][-1]
        question = f"The seed, and in how many steps noise becomes digits (1 to {most}):"
        self.app.push_screen(AskValue(question, now, partial(parse_seed_and_steps, most=most)), answered)

    def action_warm(self, by: int) -> None:
        low, high = TEMPERATURES
        self.tenths = min(max(self.tenths + by, round(10 * low)), round(10 * high))
        self.request_content()

    def _change(self) -> None:
        """Ask for other digits, which take the places of those that were marked."""
        self.marks = ()
        self.request_content()

    def action_move(self, by: int) -> None:
        self.choose(self.chosen + by)

    def action_move_row(self, by: int) -> None:
        if tiling := self._gallery.tiling(TILE):
            self.choose(self.chosen + by * tiling.columns)

    def action_edge(self, which: int) -> None:
        if tiling := self._gallery.tiling(TILE):
            self.choose(which % min(COUNT, tiling.capacity))

    def choose(self, place: int) -> None:
        """Put the cursor on a digit that is shown."""
        tiling = self._gallery.tiling(TILE)
        if tiling is not None and 0 <= place < min(COUNT, tiling.capacity):
            self.chosen = place
            self._draw()

    def on_gallery_clicked(self, message: Gallery.Clicked) -> None:
        if message.index == self.chosen:
            self.action_walk()
        else:
            self.choose(message.index)

    def on_gallery_scrolled(self, message: Gallery.Scrolled) -> None:
        self.action_size(-message.by)

    def action_size(self, larger: int) -> None:
        place = SIZES.index((self._gallery.at_least, self._gallery.columns)) - larger
        self._show_at(SIZES[min(max(place, 0), len(SIZES) - 1)])

    def action_whole(self) -> None:
        self._show_at(SIZES[-1])

    def _show_at(self, size: tuple[int, int | None]) -> None:
        self._gallery.at_least, self._gallery.columns = size
        self._draw()

    def action_walk(self) -> None:
        self.when_shown(partial(self._walk, self.chosen))

    def _walk(self, place: int) -> None:
        if self.samples is None:
            return
        latents, start = self.samples.latents, self._start(place)
        first, end = (place, None) if start is None else (start, latents[place])
        self.app.push_screen(LatentPathScreen(self.shared, self.sources, latents[first], end))

    def _start(self, end: int) -> int | None:
        """Where a walk to that digit begins: at the one that was marked last, besides itself."""
        return next((place for place in reversed(self.marks) if place != end), None)

    def action_mark(self) -> None:
        self.when_shown(partial(self._mark, self.chosen))

    def _mark(self, place: int) -> None:
        rest = tuple(mark for mark in self.marks if mark != place)
        self.marks = rest if place in self.marks else (*rest[-1:], place)
        self._draw()

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self.options = replace(self.options, digit=None if answer == "a" else int(answer))
                self._change()

        self.app.push_screen(AskClass("Which digit?", "any"), answered)

    def action_guidance(self, by: int) -> None:
        place = GUIDANCE_STEPS.index(self.options.guidance) + by
        self.options = replace(self.options, guidance=GUIDANCE_STEPS[min(max(place, 0), len(GUIDANCE_STEPS) - 1)])
        self._change()

    def action_animate(self) -> None:
        if self.shown_sampler != "learned":
            super().action_animate()
            return
        self.animated = not self.animated
        self.notify("the steps are shown" if self.animated else "only what comes out is shown", timeout=2)
        if self.animated:
            self._change()
        else:
            self._film.finish()

    def shot(self) -> Shot | None:
        from tui import timelapse

        return timelapse.of_samples(self.shown_sampler, self.seed, self.temperature, COUNT)

    def to_export(self, run: Run, stem: str) -> Export | None:
        tiling = self._gallery.tiling(TILE)
        if self.drawn is None or tiling is None:
            return None
        stem = f"{stem}-{self.drawn.draw.sampler}-seed{self.drawn.draw.seed}"
        if not self.drawn.is_last:
            stem += f"-step{self.drawn.step}"
        images, columns = self.drawn.samples.images[: tiling.capacity], tiling.columns
        return Export(lambda folder: exporting.write_picture(folder, stem, images, columns))


def parse_seed_and_steps(text: str, most: int) -> tuple[int, int]:
    """What was typed, such as `7, 50`. Raises ValueError with what would be right."""
    seed, _, steps = text.partition(",")
    return check_whole("the seed", seed, *SEEDS), check_whole("the steps behind the comma", steps, 1, most)
