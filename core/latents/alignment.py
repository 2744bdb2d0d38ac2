"""Turning a plane of latents to lie like another, so that it neither flips nor rotates from one moment to the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.arrays import Floats
from core.latents.projection import Projection


def rotation(points: Floats, reference: Floats) -> Floats:
    """The orthogonal R (2, 2), be it a reflection, that brings points (N, 2) R nearest to a reference (N, 2).

    The orthogonal Procrustes problem of both about their means, Schönemann 1966; what is not finite does not count.
    """
    usable = np.isfinite(points).all(axis=1) & np.isfinite(reference).all(axis=1)
    if not usable.any():
        return np.eye(2)
    ours, theirs = points[usable], reference[usable]
    left, _, right = np.linalg.svd((ours - ours.mean(axis=0)).T @ (theirs - theirs.mean(axis=0)))
    turned: Floats = left @ right
    return turned


def turned(projection: Projection, by: Floats) -> Projection:
    """The projection with its plane turned by an orthogonal matrix (2, 2), and the way back with it.

    The axes are mixtures of what they were then: none of them explains a share of its own.
    """
    first, second = (f"{axis}, aligned" for axis in projection.axes)
    return replace(projection, weights=projection.weights @ by, axes=(first, second), explained=None)
