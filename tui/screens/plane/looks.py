"""How the plane is looked at: its points, densities of latents, or what decodes in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, get_args

import numpy as np

from core.latents.options import SAMPLERS, ProjectionOptions
from tui.drawing.grounds.density import Ratio, Shades
from tui.drawing.view import View, home_view
from tui.screens.plane.decoded import Decoded

if TYPE_CHECKING:
    from core.explorer.protocol import Explorer
    from core.explorer.results import LatentProjection
    from core.latents.plane.density import PlaneDensity
    from core.runs.architecture.presets import Preset
    from tui.drawing.grounds.ground import Ground
    from tui.widgets.scatter import Scatter

T = TypeVar("T")
MOST = 0.9  # of a density, seen at first
Look = Literal["points", "shades", "ratio", "decoded"]
LOOKS: tuple[Look, ...] = get_args(Look)
TOPICS = {"shades": "density", "ratio": "density_ratio", "decoded": "manifold"}


class Ask(Protocol):
    """Has a question about the run answered and the answer shown."""

    def __call__(self, kind: str, question: Callable[[Explorer], T], show: Callable[[T], object], /) -> None: ...


@dataclass(frozen=True, eq=False)
class Seen:
    """A plane, and the density of what a sampler draws in it, where that is looked at."""

    plane: LatentProjection
    sampler: str = ""
    density: PlaneDensity | None = None


class Looks:
    """Which look was chosen, and with which sampler the latents are compared."""

    def __init__(self) -> None:
        self.look: Look = "points"
        self._sampler: str | None = None
        self.decoded = Decoded()

    @property
    def compares(self) -> bool:
        """Whether densities are seen."""
        return self.look in ("shades", "ratio")

    @property
    def topic(self) -> str | None:
        """What is explained in place of the projection."""
        return TOPICS.get(self.look)

    def next(self, scatter: Scatter, *, embeds: bool) -> bool:
        """Go on to the next look, of points also to their next markers; whether that was the whole round.

        An embedding, which has no place for other latents and no way back, has its points only.
        """
        if self.look == "points" and not scatter.next_markers():
            return False
        if embeds:
            return True
        self.look = LOOKS[(LOOKS.index(self.look) + 1) % len(LOOKS)]
        return self.look == "points"

    def next_sampler(self, preset: Preset) -> None:
        """Compare with what the next sampler draws."""
        names = preset.samplers
        self._sampler = names[(names.index(self._sampler_of(preset)) + 1) % len(names)]

    def question(self, options: ProjectionOptions, preset: Preset) -> Callable[[Explorer], Seen]:
        """What to ask for this look."""
        if (sampler := self.compared(preset)) is None:
            return lambda explorer: Seen(explorer.projection(options))
        return lambda explorer: Seen(explorer.projection(options), sampler, explorer.density(options, sampler))

    def compared(self, preset: Preset) -> str | None:
        """The sampler that the latents are compared with, if they are."""
        return self._sampler_of(preset) if self.compares else None

    def _sampler_of(self, preset: Preset) -> str:
        return self._sampler if self._sampler in preset.samplers else preset.default_sampler

    def suffices(self, seen: Seen) -> bool:
        """Whether what is known is enough to be looked at this way."""
        return self.compares == (seen.density is not None)

    def ground(self, seen: Seen) -> Ground | None:
        """What fills the plane in place of its points, as far as it is known."""
        if self.look == "decoded":
            return self.decoded.ground(seen.plane)
        if seen.density is None or not self.compares:
            return None
        kind = Shades if self.look == "shades" else Ratio
        return kind(seen.density, SAMPLERS[seen.sampler], class_means(seen.plane))

    def home(self, seen: Seen) -> View:
        """What is seen at first: the points, and most of a density, which reaches as far as posteriors are wide."""
        home = home_view(seen.plane.points)
        return home if seen.density is None else home.with_ranges(*seen.density.limits(MOST))

    def follow(self, scatter: Scatter, seen: Seen, ask: Ask) -> None:
        """Ask for what is to be seen in a view."""
        if self.look == "decoded":
            self.decoded.follow(scatter, seen.plane, ask)

    def facts(self, seen: Seen) -> str:
        """What is known of a density."""
        if seen.density is None or not self.compares:
            return ""
        return f"{seen.density.overlap:.0%} in common with {SAMPLERS[seen.sampler]}"


def class_means(plane: LatentProjection) -> dict[int, tuple[float, float]]:
    """The mean of the points of each class."""
    found = {}
    for label in np.unique(plane.labels).tolist():
        x, y = plane.points[plane.labels == label].mean(axis=0)
        found[int(label)] = (float(x), float(y))
    return found
