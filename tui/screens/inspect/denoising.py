"""What the sample screen does with a learned prior: a digit is asked for, and its way out of noise is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.timer import Timer

from core.latents.options import STEPS, SamplingOptions, default_sampling_options
from tui import formatting
from tui.screens.base import ExploreScreen, MakeExplorer, MakeReader
from tui.screens.dialogs import AskClass

if TYPE_CHECKING:
    from core.explorer.results import Samples


# A page of digits costs a slow connection as much as any other page: there are few moments, and not many a second.
MOMENTS = 5
MOMENT_SECONDS = 0.4
Number = TypeVar("Number", int, float)
GUIDANCES = (1.0, 1.5, 2.0, 3.0, 5.0)


class Denoising(ExploreScreen):
    """A screen of samples, where they come from a learned prior."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "ask_digit", "digit", tooltip="ask the learned prior for a digit, or for any", id="sample.digit"),
        Binding(
            "g", "guidance", "guide", tooltip="how much the digit that was asked for matters", id="sample.guidance"
        ),
        Binding("t", "steps", "steps", tooltip="in how many steps noise becomes digits", id="sample.steps"),
        Binding("a", "animate", "film", tooltip="show the steps, or only what comes out", id="sample.animate"),
    ]

    def __init__(self, make_reader: MakeReader, make_explorer: MakeExplorer) -> None:
        super().__init__(make_reader, make_explorer)
        self.wish = SamplingOptions()
        self.animated = True
        self._film: list[Samples] = []
        self._player: Timer | None = None

    @property
    def shown_sampler(self) -> str:
        """The sampler whose samples are shown."""
        raise LookupError(f"{type(self).__name__} has no sampler")

    def show_moment(self, samples: Samples) -> None:
        """Show where the samples are on their way."""
        raise LookupError(f"{type(self).__name__} shows no samples")

    def change(self) -> None:
        """Ask for other samples."""
        raise LookupError(f"{type(self).__name__} has no samples")

    @property
    def _dynamics(self) -> str:
        config = self.run_update.summary.config if self.run_update else None
        return config.dynamics if config else "flow"

    @property
    def wished(self) -> str:
        """What was asked for, in words."""
        return f": {formatting.sampling_options(self.wish)}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("ask_digit", "guidance", "steps", "animate"):
            return self.shown_sampler == "learned"
        return super().check_action(action, parameters)

    def forget_wish(self) -> None:
        """Another run is asked for anything, until something is wished for."""
        self.wish = SamplingOptions()

    # The film

    def denoise(self, count: int, seed: int, temperature: float) -> None:
        """Ask for samples of the learned prior and show how they come about."""
        if self.wish.steps not in STEPS[self._dynamics]:
            self.wish = replace(self.wish, steps=default_sampling_options(self._dynamics).steps)
        moments, wish = MOMENTS if self.animated else 1, self.wish
        self.refresh_bindings()
        self.ask("samples", lambda explorer: explorer.denoising(moments, count, seed, temperature, wish), self._play)

    def _play(self, film: list[Samples]) -> None:
        self.stop_film()
        self._film = film
        self._next()
        if self._film:
            self._player = self.set_interval(MOMENT_SECONDS, self._next)

    def _next(self) -> None:
        self.show_moment(self._film.pop(0))
        if not self._film:
            self.stop_film()

    def stop_film(self) -> None:
        """Show no further moments."""
        self._film = []
        if self._player is not None:
            self._player.stop()
            self._player = None

    def on_screen_suspend(self) -> None:
        if self._film and not self.in_sight:
            self._film = self._film[-1:]
            self._next()

    # What keys do

    def action_ask_digit(self) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self.wish = replace(self.wish, digit=None if answer == "a" else int(answer))
                self.change()

        self.app.push_screen(AskClass("Which digit?", "any"), answered)

    def action_guidance(self) -> None:
        self.wish = replace(self.wish, guidance=_following(self.wish.guidance, GUIDANCES))
        self.change()

    def action_steps(self) -> None:
        self.wish = replace(self.wish, steps=_following(self.wish.steps, STEPS[self._dynamics]))
        self.change()

    def action_animate(self) -> None:
        self.animated = not self.animated
        self.notify("the steps are shown" if self.animated else "only what comes out is shown", timeout=2)
        if self.animated:
            self.change()


def _following(value: Number, values: tuple[Number, ...]) -> Number:
    return values[(values.index(value) + 1) % len(values)]
