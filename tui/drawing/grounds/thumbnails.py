"""Draws what decodes in the plane: a mesh of thumbnails that stays in its place while the view is panned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import floor

import numpy as np
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats, Images, Integers
from tui.drawing.grounds.ground import Legend
from tui.drawing.images import draw_image, shrink
from tui.drawing.plots.axes import Range
from tui.drawing.plots.legend import PLAIN
from tui.drawing.view import View
from tui.terminal.capabilities import ColorDepth

MARGIN = 2  # pixels of an image that are cut at each side, black around digits
GREYS = 15  # above black: shades of few greys take few bytes
# Thumbnails shrunk by 3, 2 and 1, each from a magnification on: the closer, the more is seen of each.
SHRUNK_FROM = ((3, 0.0), (2, 3.0), (1, 9.0))
STEPS = 1000  # of a cell, by which places are told apart

Key = tuple[int, int, int, int]


@dataclass(frozen=True)
class Mesh:
    """Which thumbnails lie in a canvas of so many cells that shows a view; `shrunk` is their scale."""

    view: View
    columns: int
    rows: int
    shrunk: int

    @classmethod
    def of(cls, view: View, home: View, columns: int, rows: int) -> Mesh:
        """That for a view, whose home is the one that shows everything."""
        magnified = (home.x[1] - home.x[0]) / (view.x[1] - view.x[0])
        fitting = [shrunk for shrunk, least in SHRUNK_FROM if magnified >= least and 48 // shrunk <= columns]
        return cls(view, columns, rows, fitting[-1] if fitting else SHRUNK_FROM[0][0])

    @property
    def size(self) -> int:
        """Pixels, and so columns, of a thumbnail; it has half as many rows."""
        return 24 // self.shrunk

    @property
    def cell(self) -> tuple[float, float]:
        """The width and height of a cell, in values."""
        return (self.view.x[1] - self.view.x[0]) / self.columns, (self.view.y[1] - self.view.y[0]) / self.rows

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """The column and row of the canvas where each thumbnail begins, be it outside, row by row."""
        wide, high = self.cell
        left = -(floor(self.view.x[0] / wide + 1e-6) % self.size)
        top = -(floor(-self.view.y[1] / high + 1e-6) % (self.size // 2))
        return [(x, y) for y in range(top, self.rows, self.size // 2) for x in range(left, self.columns, self.size)]

    @cached_property
    def points(self) -> Floats:
        """The point of the plane in the middle of each, (N, 2)."""
        wide, high = self.cell
        x, y = np.array(self.places, dtype=float).T
        across = self.view.x[0] + (x + self.size / 2) * wide
        return np.stack([across, self.view.y[1] - (y + self.size / 4) * high], axis=1)

    @property
    def keys(self) -> list[Key]:
        """What tells the point of each from others, at whichever magnification."""
        wide, high = self.cell
        scale = (round(np.log2(wide) * STEPS), round(np.log2(high) * STEPS))
        places = np.rint(self.points / self.cell * STEPS).astype(int).tolist()
        return [(*scale, x, y) for x, y in places]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A picture (H, W) of a part of the plane: the values at its edges."""

    image: Images
    x: Range
    y: Range


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """What is known of what decodes: images (N, 28, 28) at points (N, 2), where each key is of one of them."""

    home: View
    known: dict[Key, int]
    points: Floats
    images: Images

    def missing(self, mesh: Mesh) -> Integers:
        """The numbers of those in a mesh that are not known."""
        return np.array([number for number, key in enumerate(mesh.keys) if key not in self.known], dtype=int)

    def of(self, mesh: Mesh) -> Images | None:
        """The images of a mesh, those that are not known as the nearest that are; None where nothing is."""
        if not len(self.points):
            return None
        scale = np.array(mesh.cell)
        chosen = []
        for key, point in zip(mesh.keys, mesh.points, strict=True):
            found = self.known.get(key)
            if found is None:
                found = int(np.square((self.points - point) / scale).sum(axis=1).argmin())
            chosen.append(found)
        images: Images = self.images[chosen]
        return images

    def draw(self, view: View, columns: int, rows: int, base: Style, depth: ColorDepth) -> list[Strip]:
        mesh = Mesh.of(view, self.home, columns, rows)
        images = self.of(mesh)
        if images is None:
            return [Strip.blank(columns, base)] * rows
        inside = slice(MARGIN, -MARGIN)
        small = np.rint(shrink(np.clip(images[:, inside, inside], 0, 1), mesh.shrunk) * GREYS) / GREYS
        # Drawn whole beyond the edges, and cut.
        size = mesh.size
        sheet = np.zeros((2 * rows + 2 * size, columns + 2 * size), np.float32)
        for (x, y), image in zip(mesh.places, small, strict=True):
            sheet[2 * y + size : 2 * y + 2 * size, x + size : x + 2 * size] = image
        return draw_image(sheet[size : size + 2 * rows, size : size + columns], depth, base)

    def sheet(self, mesh: Mesh) -> Sheet | None:
        """The images of a mesh at full size, each where it is drawn; None where nothing is known."""
        images = self.of(mesh)
        if images is None:
            return None
        (wide, high), (left, top) = mesh.cell, mesh.places[0]
        across = sum(y == top for _, y in mesh.places)
        cut = images[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        rows = np.concatenate([np.concatenate([*row], axis=1) for row in cut.reshape(-1, across, *cut.shape[1:])])
        x = mesh.view.x[0] + left * wide
        y = mesh.view.y[1] - top * high
        down = len(images) // across * mesh.size / 2
        return Sheet(rows, (x, x + across * mesh.size * wide), (y - down * high, y))

    def legend(self, depth: ColorDepth) -> Legend:
        return [
            ("decoded in the plane", Style(bold=True), ""),
            ("", PLAIN, "  + shows more of each, and what lies between"),
        ]
