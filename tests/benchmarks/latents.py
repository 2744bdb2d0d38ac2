"""What it costs to bring labelled latents to the plane by linear discriminants and to draw them.

`python -m tests.benchmarks.latents [--points 10000] [--json]`
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from core.latents.aggregate import Latents
from core.latents.projection import Projection, fit_lda
from core.shapes import LATENT_SIZE
from tests.benchmarks.figures import Figure, run_alone
from tui.drawing.points import draw_points
from tui.terminal.capabilities import ColorDepth

CLASSES, WIDTH, HEIGHT, ROUNDS = 10, 80, 32, 5


def measure(points: int) -> list[Figure]:
    """The first time, and afterwards, when only the drawing is new."""
    chance = np.random.default_rng(0)
    labels = chance.integers(0, CLASSES, points)
    centers = 2 * chance.standard_normal((CLASSES, LATENT_SIZE))
    means = (centers[labels] + chance.standard_normal((points, LATENT_SIZE))).astype(np.float32)
    latents = Latents(means, np.zeros_like(means), labels)

    start = time.perf_counter()
    projection = fit_lda(latents)
    _draw(projection, latents)
    first = time.perf_counter() - start

    again = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        _draw(projection, latents)
        again.append(time.perf_counter() - start)
    what = f"LDA of {points:,} latents, projected and drawn"
    return [
        Figure(f"{what}, the first time", first, "s", "at most", 1.0),
        Figure(f"{what}, again", 1000 * statistics.median(again), "ms", "at most", 50.0),
    ]


def _draw(projection: Projection, latents: Latents) -> None:
    draw_points(projection.project(latents.mean), latents.labels, WIDTH, HEIGHT, depth=ColorDepth.TRUECOLOR)


if __name__ == "__main__":
    run_alone(__doc__, measure, points=10_000)
