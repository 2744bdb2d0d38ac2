"""What decodes all over the plane: asked for where it is not known, and kept while the plane is the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core.shapes import IMAGE_SHAPE
from tui.drawing.grounds.thumbnails import Mesh, Sheet, Thumbnails
from tui.drawing.view import home_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.arrays import Floats, Images, Integers
    from core.explorer.protocol import Explorer
    from core.explorer.results import LatentProjection
    from tui.screens.plane.looks import Ask
    from tui.widgets.scatter import Scatter

KEPT = 3_000  # images, of 3 kB


class Decoded:
    """The thumbnails of a plane; those of the one before stand in for them until they are known."""

    def __init__(self) -> None:
        self._plane: LatentProjection | None = None
        self._thumbnails: Thumbnails | None = None

    def sheet(self, scatter: Scatter) -> Sheet | None:
        """What is seen, as one picture."""
        thumbnails = self._thumbnails
        return None if thumbnails is None else thumbnails.sheet(_mesh(thumbnails, scatter))

    def ground(self, plane: LatentProjection) -> Thumbnails:
        """What is known of a plane."""
        if plane is not self._plane or self._thumbnails is None:
            same = self._plane is not None and self._plane.options == plane.options and self._thumbnails is not None
            stale = self._thumbnails if same else None
            points = stale.points if stale else np.empty((0, 2))
            images = stale.images if stale else np.empty((0, *IMAGE_SHAPE), np.float32)
            self._plane, self._thumbnails = plane, Thumbnails(home_view(plane.points), {}, points, images)
        return self._thumbnails

    def follow(self, scatter: Scatter, plane: LatentProjection, ask: Ask) -> None:
        """Ask for what is not known of what is seen."""
        thumbnails = self.ground(plane)
        mesh = _mesh(thumbnails, scatter)
        missing = thumbnails.missing(mesh)
        if len(missing):
            points = mesh.points[missing]
            ask("thumbnails", decode(plane, points), partial(self._take, scatter, plane, mesh, missing))

    def _take(self, scatter: Scatter, plane: LatentProjection, mesh: Mesh, missing: Integers, decoded: Images) -> None:
        before = self._thumbnails
        if plane is not self._plane or before is None:
            return
        keys = mesh.keys
        if before.known and len(before.points) + len(decoded) <= KEPT:
            known, points, images = before.known, before.points, before.images
        else:  # what stood in, or was kept for too long
            known, points, images = {}, before.points[:0], before.images[:0]
        added = {keys[number]: len(points) + place for place, number in enumerate(missing.tolist())}
        self._thumbnails = Thumbnails(
            before.home,
            known | added,
            np.concatenate([points, mesh.points[missing]]),
            np.concatenate([images, decoded]),
        )
        if scatter.ground is before:
            scatter.show_ground(self._thumbnails)


def _mesh(thumbnails: Thumbnails, scatter: Scatter) -> Mesh:
    canvas = scatter.canvas
    return Mesh.of(scatter.view, thumbnails.home, canvas.columns, canvas.rows)


def decode(plane: LatentProjection, points: Floats) -> Callable[[Explorer], Images]:
    """What to ask to have points (N, 2) of a plane decoded."""
    linear = plane.linear
    assert linear is not None
    return lambda explorer: explorer.decode(linear.invert(points))
