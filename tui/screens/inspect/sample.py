"""Screen 4: new digits, decoded from latents that a sampler draws."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from core.latents.options import (
    GRID,
    GUIDANCE_STEPS,
    SEEDS,
    STEPS,
    TEMPERATURES,
    SamplingOptions,
    check_whole,
    default_sampling_options,
)
from tui.screens.dialogs import AskClass, AskNumber, AskValue
from tui.screens.explore_base import ExploreSources
from tui.screens.help.formulas import for_run
from tui.screens.inspect.keys import SAMPLE_KEYS
from tui.screens.inspect.sampling.choosing import ChoosingScreen
from tui.screens.inspect.sampling.draws import Draw
from tui.screens.selection import Shared

if TYPE_CHECKING:
    from tui.timelapse import Shot

TOPICS = {"learned": "guidance", GRID: "grid"}  # what is explained of a sampler, unless what all have in common
FRAMES = 20  # steps of denoising that are shown, of more that many evenly spaced


class SampleScreen(ChoosingScreen):
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
        self.options = SamplingOptions()  # of the learned prior
        self._steps_typed = False
        self.animated = True

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
        return for_run(TOPICS.get(self.shown_sampler, "sampling"), self._config)

    # What is shown

    @property
    def _dynamics(self) -> str:
        config = self.run_update.summary.config if self.run_update else None
        return config.dynamics if config else "flow"

    @property
    def wanted(self) -> Draw:
        """What was asked for last."""
        options = self.options if self.shown_sampler == "learned" else None
        seed = 0 if self.shown_sampler == GRID else self.seed
        return Draw(self.shown_sampler, self.count, seed, self.temperature, options, self.step)

    def request_content(self) -> None:
        if self.shown_sampler == "learned" and not self._steps_typed:
            self.options = replace(self.options, steps=default_sampling_options(self._dynamics).steps)
        self.refresh_bindings()
        self.fit_count(self.shown_sampler)
        self.ask_for(self.wanted, FRAMES if self.animated else 1)

    def reset(self) -> None:
        self.sampler, self.marks, self.chosen = None, (), 0
        self.options, self._steps_typed = SamplingOptions(), False
        self.show_message("opening the run")

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("classes", "guidance"):
            return self.shown_sampler == "learned"
        if action in ("seed", "type_seed"):
            return self.shown_sampler != GRID
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

    def action_classes(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self.options = replace(self.options, digit=None if answer == "a" else int(answer))
                self._change()

        there = self.samples.askable if self.samples else None
        self.app.push_screen(AskClass("Which digit?", "any", there=there), answered)

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

        return timelapse.of_samples(self.shown_sampler, self.seed, self.temperature, self.count)


def parse_seed_and_steps(text: str, most: int) -> tuple[int, int]:
    """What was typed, such as `7, 50`. Raises ValueError with what would be right."""
    seed, _, steps = text.partition(",")
    return check_whole("the seed", seed, *SEEDS), check_whole("the steps behind the comma", steps, 1, most)
