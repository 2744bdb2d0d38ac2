"""Draws particles over the classes of a plane: dots on tinted ground, or signs where there are few colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats, Integers
from tui.drawing.grounds.ground import Legend
from tui.drawing.plots.legend import PLAIN
from tui.drawing.points import BRAILLE, CLASS_COLORS, CLASSES, LABEL, cell_rows, class_styles
from tui.drawing.view import View
from tui.formatting import CLASS_SIGNS
from tui.terminal.capabilities import ColorDepth

Cells = NDArray[np.int64]
TINT = 0.25  # of the brightness of a class, where there are colours as dark
# Of 256 colours hardly any is as dark: those of the cube near the hues of the classes that lie farthest apart.
DARK_COLORS = (
    *((0, 0, 95), (95, 95, 0), (0, 95, 95), (95, 0, 0), (95, 0, 135)),
    *((135, 95, 95), (0, 95, 0), (95, 95, 135), (135, 0, 95), (0, 95, 135)),
)
SIGN_COLOR = "#a8a8a8"  # fainter than any particle
THICK = 1.0  # points a cell and its eight neighbours that make ground of a class
NONE = CLASSES  # stands for no class, in the order of classes


@dataclass(frozen=True, eq=False)
class Classes:
    """Points (N, 2) of classes (N,), which tint the ground where they lie; each has its sign where its mean is."""

    points: Floats
    labels: Integers

    def ground(self, view: View, columns: int, rows: int) -> Cells:
        """The class of most points in and around each cell of a canvas (rows, columns), NONE where there are few."""
        inside = view.holds(self.points)
        down, across = places(self.points[inside], view, columns, rows)
        counts = np.zeros((rows + 2, columns + 2, CLASSES))
        np.add.at(counts, (down + 1, across + 1, self.labels[inside] % CLASSES), 1)
        around = sum(np.roll(counts, (by, beside), (0, 1)) for by in (-1, 0, 1) for beside in (-1, 0, 1))
        around = np.asarray(around)[1:-1, 1:-1]
        return np.where(around.sum(axis=2) > THICK, around.argmax(axis=2), NONE)

    def means(self, view: View, columns: int, rows: int) -> dict[int, tuple[int, int]]:
        """The row and column of each class's mean that is in view."""
        found = {}
        for label in np.unique(self.labels).tolist():
            mean = self.points[self.labels == label].mean(axis=0, keepdims=True)
            if view.holds(mean)[0]:
                down, across = places(mean, view, columns, rows)
                found[label] = int(down[0]), int(across[0])
        return found


def places(points: Floats, view: View, columns: int, rows: int) -> tuple[Cells, Cells]:
    """Rows and columns (N,) of the cells that points (N, 2) in view lie in."""
    (left, right), (bottom, top) = view.x, view.y
    across = ((points[:, 0] - left) / (right - left) * columns).astype(np.int64).clip(0, columns - 1)
    down = ((top - points[:, 1]) / (top - bottom) * rows).astype(np.int64).clip(0, rows - 1)
    return down, across


@dataclass(frozen=True, eq=False)
class ParticleGround:
    """Particles (N, 2) above classes, each in the colour of the class (N,) that it is asked to become."""

    points: Floats
    labels: Integers
    classes: Classes

    def draw(self, view: View, columns: int, rows: int, base: Style, depth: ColorDepth) -> list[Strip]:
        inside = view.holds(self.points)
        points, labels = self.points[inside], self.labels[inside] % CLASSES
        down, across = places(points, view, columns, rows)
        kinds = np.full((rows, columns), NONE)
        kinds[down, across] = labels
        shades = depth.has_shades
        ground = self.classes.ground(view, columns, rows) if shades else np.full((rows, columns), NONE)
        glyphs = np.full((rows, columns), ord(" "))
        looks = ground * (CLASSES + 1) + kinds
        styles = _styles(base, depth)
        if not shades:
            glyphs[down, across] = np.array([ord(sign) for sign in CLASS_SIGNS])[labels]
        else:
            dots_down, dots_across = places(points, view, 2 * columns, 4 * rows)
            lit = np.zeros((4 * rows, 2 * columns), bool)
            lit[dots_down, dots_across] = True
            patterns = (lit.reshape(rows, 4, columns, 2) * BRAILLE[:, None, :]).sum(axis=(1, 3))
            glyphs = np.where(patterns > 0, 0x2800 + patterns, glyphs)
        # Signs of classes stay where they are, whatever passes below them.
        for label, (row, column) in self.classes.means(view, columns, rows).items():
            if not shades or ground[row, column] != NONE:
                glyphs[row, column] = ord(CLASS_SIGNS[label])
                looks[row, column] = len(styles) - CLASSES + (ground[row, column] if shades else label % CLASSES)
        return cell_rows(glyphs, looks, styles)

    def legend(self, depth: ColorDepth) -> Legend:
        latents = ("0", LABEL, " where latents of that digit lie")
        if not depth.has_colors:
            return [("3", Style(bold=True), " a particle asked for a 3  "), latents]
        styles = class_styles(depth)
        signs = [(CLASS_SIGNS[label], styles[label] + Style(bold=True), " ") for label in range(CLASSES)]
        particles = ("", PLAIN, " the digit asked for")
        return [*signs, particles, ("", PLAIN, "; ground: latents of it") if depth.has_shades else latents]


def _styles(base: Style, depth: ColorDepth) -> list[Style]:
    """A style for each class on the ground of each, or none, and then those of the signs of classes."""
    inks = [base + style + Style(bold=True) for style in class_styles(depth)]
    if not depth.has_shades:
        return [*[*inks, base] * (CLASSES + 1), *[base + LABEL] * CLASSES]
    tints = [Style(bgcolor=Color.from_rgb(*color)) for color in _tints(depth)]
    styles = [ink + tint for tint in (*tints, Style()) for ink in (*inks, base)]
    return [*styles, *(base + tint + Style(color=SIGN_COLOR) for tint in tints)]


def _tints(depth: ColorDepth) -> list[tuple[float, ...]]:
    """The colour of the ground of each class."""
    if depth is ColorDepth.EIGHT_BIT:
        return [*DARK_COLORS]
    return [tuple(TINT * channel for channel in color) for color in CLASS_COLORS]
