"""What is seen of a flow, particles after a step over the latents of a plane: in words, as a picture, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.latents.options import SamplingOptions
from core.text import printable
from tui import formatting
from tui.drawing.grounds.particles import Classes, ParticleGround
from tui.drawing.view import View, home_view
from tui.screens import exporting

if TYPE_CHECKING:
    from core.explorer.results import LatentProjection, Particles


@dataclass(frozen=True, eq=False)
class SeenFlow:
    """Particles of a seed after a step, drawn as the options say from the step `since` on, in a view with the noise."""

    particles: Particles
    noise: Particles
    plane: LatentProjection
    options: SamplingOptions
    seed: int
    since: int

    @property
    def view(self) -> View:
        return home_view(np.concatenate([self.plane.points, self.noise.points]))

    @property
    def ground(self) -> ParticleGround:
        classes = Classes(self.plane.points, self.plane.labels)
        return ParticleGround(self.particles.points, self.particles.labels, classes)

    @property
    def asked(self) -> str:
        """Such as digit 3, guidance 2 from step 5 on, seed 0."""
        asked = formatting.digit_asked(self.options.digit, self.options.guidance)
        return f"{f'{asked} from step {self.since} on' if self.since else f'from noise to {asked}'}, seed {self.seed}"

    @property
    def table(self) -> dict[str, Sequence[Any]]:
        """The digit that each particle is asked to become, and what the plane's classifier takes it for now."""
        x, y = self.particles.points.T.tolist()
        table = {"particle": range(len(x)), "x": x, "y": y, "asked_for": self.particles.labels.tolist()}
        linear = self.plane.linear
        if linear is None or linear.classifier is None:
            return table
        return table | {"taken_for": linear.classifier.predict(self.particles.latents).tolist()}

    def write(self, folder: Path, stem: str, run: str) -> list[Path]:
        """Write a picture of what is seen, and its table, into new files. Raises OSError."""
        options = self.options
        since = f"-from{self.since}" if self.since else ""
        digit = "any" if options.digit is None else f"digit{options.digit}"
        asked = f"{digit}{since}-guidance{options.guidance:g}-seed{self.seed}"
        stem = f"{stem}-flow-{asked}-step{self.particles.step}of{options.steps}"
        step = f"step {self.particles.step} of {options.steps}"
        what = f"{len(self.particles.points)} particles in {self.plane.projection.name}, {step}"
        title = "\n".join((printable(run), what, self.asked))
        return exporting.write_flow(folder, stem, title, self.ground, self.view, self.plane.projection.axes, self.table)
