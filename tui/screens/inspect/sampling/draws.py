"""What samples are drawn with, what was drawn, and a screen that shows it as it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.explorer.results import Samples
from core.latents.options import GRID, SOURCES, SamplingOptions
from tui import formatting
from tui.screens.asking import Abandoned
from tui.screens.explore_base import ExploreSources
from tui.screens.following import is_seen
from tui.screens.inspect.sampling.film import Film
from tui.screens.moments.screen import TimeScreen
from tui.screens.selection import Shared

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer


@dataclass(frozen=True)
class Draw:
    """What decides on samples; `options` is that of the learned prior, None for other samplers. A grid has no seed."""

    sampler: str
    count: int
    seed: int
    temperature: float
    options: SamplingOptions | None = None
    moment: int | None = None  # of the training, by its step

    @property
    def steps(self) -> int:
        """How many a learned prior takes from noise, 0 for other samplers."""
        return self.options.steps if self.options else 0

    def __str__(self) -> str:
        return f"from {self._said(SOURCES[self.sampler])}"

    @property
    def brief(self) -> str:
        """The same in few words, such as `gaussian, seed 3, temperature 1.0`."""
        return self._said(self.sampler)

    def _said(self, source: str) -> str:
        if self.options is not None:
            source += f": {formatting.sampling_options(self.options)}"
        return f"{source}{self._seeded}, temperature {self.temperature:.1f}"

    @property
    def _seeded(self) -> str:
        return "" if self.sampler == GRID else f", seed {self.seed}"

    def differences(self, before: Draw) -> str:
        """What tells it from another, such as `mixture, seed 3`."""
        parts = []
        if self.sampler != before.sampler:
            parts.append(self.sampler)
        elif self.options is not None and self.options != before.options:
            parts.append(formatting.sampling_options(self.options))
        if self.seed != before.seed and self.sampler != GRID:
            parts.append(f"seed {self.seed}")
        if self.temperature != before.temperature:
            parts.append(f"temperature {self.temperature:.1f}")
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples, and what they were drawn with; of a learned prior those after a number of steps."""

    draw: Draw
    samples: Samples
    step: int = 0

    @property
    def is_last(self) -> bool:
        """Whether these are what was asked for, rather than on their way."""
        return self.step == self.draw.steps

    def __str__(self) -> str:
        return f"{self.draw}{self._on_its_way}"

    @property
    def brief(self) -> str:
        """The same in few words."""
        return f"{self.draw.brief}{self._on_its_way}"

    @property
    def _on_its_way(self) -> str:
        return "" if self.is_last else f": step {self.step} of {self.draw.steps}"


class DrawnScreen(TimeScreen):
    """Shows what a sampler draws, and says what that is; what is drawn next is named meanwhile and can be left."""

    def __init__(self, shared: Shared, sources: ExploreSources) -> None:
        super().__init__(shared, sources)
        self.drawn: Drawn | None = None  # what is seen
        self._asked = self._playing = object()  # stand for the newest question, and that whose answer is played
        self._afterwards: list[Callable[[], object]] = []  # to be done in turn with what is seen then
        self._film = Film(self, self._show_frame, shared.timing.denoise)

    @property
    def wanted(self) -> Draw:
        """What was asked for last."""
        raise LookupError(f"{type(self).__name__} asks for nothing")

    def _draw(self) -> None:
        """Show what was drawn."""
        raise LookupError(f"{type(self).__name__} shows nothing")

    @property
    def samples(self) -> Samples | None:
        """Those that are seen."""
        return self.drawn.samples if self.drawn else None

    def ask_for(self, draw: Draw, frames: int) -> None:
        """Draw this, in place of what was to be drawn; of a learned prior up to so many steps are shown."""
        self._asked = asked = object()
        self._afterwards = []
        self._words = ""  # on what was to be drawn
        if self.drawn is None:
            self.set_heading(rest=f"next: {draw}")
        else:
            following = draw.differences(self.drawn.draw)
            self.wait_for(following and f"next: {following}")

        def go_on() -> None:
            if self._asked is not asked:
                raise Abandoned

        def show(step: int, samples: Samples) -> None:
            go_on()
            self.call_later(self._take, asked, Drawn(draw, samples, step))

        def question(explorer: Explorer) -> None:
            if draw.options is None:
                show(0, explorer.samples(draw.sampler, draw.count, draw.seed, draw.temperature, go_on=go_on))
            else:
                explorer.denoising(frames, draw.count, draw.seed, draw.temperature, draw.options, show)

        self.ask("samples", question, lambda answer: None)

    def ahead(self) -> Callable[[Explorer], object]:
        draw = self.wanted
        return lambda explorer: explorer.samples(draw.sampler, draw.count, draw.seed, draw.temperature)

    def forget(self) -> None:
        """Show nothing of what was asked for."""
        self.drawn, self._afterwards = None, []
        self._asked = object()
        self.wait_for("")
        self._film.stop()

    def _take(self, asked: object, drawn: Drawn) -> None:
        if asked is not self._asked:
            return
        if asked is not self._playing:  # what was played before is over
            self._playing = asked
            self._film.stop()
        self._film.add(drawn)

    def _show_frame(self, drawn: Drawn) -> None:
        self.drawn = drawn
        if drawn.draw == self.wanted:
            self.wait_for("")
        self._draw()
        if drawn.is_last and drawn.draw == self.wanted:
            acts, self._afterwards = self._afterwards, []
            for act in acts:
                act()

    def when_shown(self, act: Callable[[], object]) -> None:
        """Do this with the digits that were asked for, once they are seen."""
        if self.drawn is not None and self.drawn.draw == self.wanted:
            act()
        else:
            self._afterwards.append(act)

    def on_screen_suspend(self) -> None:
        if not is_seen(self):
            self._afterwards = []
            self._film.finish()
