"""Paths through the latent space: traversals of one latent number, and interpolations between two latents."""

from __future__ import annotations

import numpy as np

from core.arrays import Floats
from core.latents.aggregate import Latents
from core.latents.options import PathKind

REACH = 3.0  # standard deviations that a traversal goes to either side


def traverse(z: Floats, number: int, latents: Latents, steps: int) -> Floats:
    """The latent z (D,) with one number moved from -3 to +3 standard deviations of its values, (steps, D)."""
    path = np.repeat(z[None], steps, axis=0)
    path[:, number] = latents.center[number] + offsets(steps) * latents.deviation[number]
    return path


def offsets(steps: int) -> Floats:
    """The distance of each step of a traversal from the mean, in standard deviations, (steps,)."""
    return np.linspace(-REACH, REACH, steps)


def interpolate(start: Floats, end: Floats, steps: int, path: PathKind, center: Floats) -> Floats:
    """Latents (steps, D) from one (D,) to the other, straight or on an arc around `center` (D,).

    The arc keeps the distance from the centre that samples of a Gaussian have. Shoemake 1985.
    """
    t = np.linspace(0.0, 1.0, steps)[:, None]
    a, b = start - center, end - center
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b / lengths, -1, 1)) if lengths > 0 else 0.0
    # Where both lie on one line through the centre there is no arc between them, or more than one.
    if path == "straight" or np.sin(angle) < 1e-6:
        return start + t * (end - start)
    arc: Floats = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return center + arc
