"""Draws densities of latents in the plane as shades, and how much denser one is than the other as signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats, Integers
from core.latents.plane.density import SHARES, PlaneDensity
from tui.drawing.grounds.ground import Legend
from tui.drawing.plots.legend import PLAIN
from tui.drawing.points import cell_rows
from tui.drawing.view import Canvas, View
from tui.formatting import CLASS_SIGNS
from tui.terminal.capabilities import ColorDepth

Cells = NDArray[np.int64]
SHARE_NAMES = tuple(f"{share:.0%}" for share in SHARES)
SHADES, ASCII_SHADES = " ░▒▓█", " .:+#"
# Blues of the 256-colour cube from dark to light, so that all depths of colour have the same ones.
SHADE_COLORS = ((0, 0, 95), (0, 95, 135), (0, 135, 175), (95, 215, 255))
MUCH = 8.0  # times as dense
LINE, ASCII_LINE = "•", "o"
LINE_COLOR = (255, 175, 0)
RATIO_SIGNS = "=-.+#"  # from holes of the posterior to where nothing is drawn
RATIO_COLORS = ((175, 0, 95), (95, 0, 95), (58, 58, 58), (0, 95, 95), (0, 175, 135))


@dataclass(frozen=True, eq=False)
class Shades:
    """The regions of highest density of the aggregate posterior as shades, those of what is drawn as lines."""

    density: PlaneDensity
    drawn: str  # what is drawn, in words
    means: dict[int, tuple[float, float]]  # of the classes that are marked

    def draw(self, view: View, columns: int, rows: int, base: Style, depth: ColorDepth) -> list[Strip]:
        levels = _looked_up(self.density, self.density.posterior_regions, view, columns, rows, 0).astype(int)
        lines = _edges(_looked_up(self.density, self.density.drawn_regions, view, columns, rows, np.nan))
        ramp, line = (ASCII_SHADES, ASCII_LINE) if depth is ColorDepth.ASCII else (SHADES, LINE)
        if depth.has_shades:
            glyphs = np.where(lines, ord(line), ord(" "))
            styles = [base + style for style in _shade_styles()]
        else:
            glyphs = np.where(lines, ord(line), _codes(ramp)[levels])
            styles = [base] * len(ramp)
        return cell_rows(*_with_means(glyphs, levels, self.means, view, styles, base))

    def legend(self, depth: ColorDepth) -> Legend:
        ramp, line = (ASCII_SHADES, ASCII_LINE) if depth is ColorDepth.ASCII else (SHADES, LINE)
        found: Legend = []
        for level, (style, share) in enumerate(zip(_shade_styles()[1:], SHARE_NAMES, strict=True), start=1):
            sign = ("   ", style) if depth.has_shades else (ramp[level], PLAIN)
            found.append((*sign, f"{share} "))
        style = Style(color=Color.from_rgb(*LINE_COLOR)) if depth.has_shades else PLAIN
        return [*found, ("", PLAIN, "latents "), (line, style, " drawn"), ("", PLAIN, f" from {self.drawn}")]


@dataclass(frozen=True, eq=False)
class Ratio:
    """Where the aggregate posterior is denser than what is drawn, and where less."""

    density: PlaneDensity
    drawn: str
    means: dict[int, tuple[float, float]]

    def draw(self, view: View, columns: int, rows: int, base: Style, depth: ColorDepth) -> list[Strip]:
        ratio = _looked_up(self.density, self.density.log_ratio, view, columns, rows, np.nan)
        strong = np.log2(MUCH)
        bands = np.searchsorted([-strong, -1.0, 1.0, strong], np.nan_to_num(ratio))
        levels = np.where(np.isnan(ratio), 0, bands + 1)
        styles = [base, *(base + style for style in _ratio_styles(depth))]
        return cell_rows(*_with_means(_codes(" " + RATIO_SIGNS)[levels], levels, self.means, view, styles, base))

    def legend(self, depth: ColorDepth) -> Legend:
        words = (f"{MUCH:g}x drawn", "2x", "alike", "2x", f"{MUCH:g}x latents")
        signs = zip(RATIO_SIGNS, _ratio_styles(depth), words, strict=True)
        return [(f" {sign} ", style, f"{word} ") for sign, style, word in signs]


def _shade_styles() -> list[Style]:
    """A style for no shade and for each one."""
    line = Color.from_rgb(*LINE_COLOR)
    colors = (None, *(Color.from_rgb(*color) for color in SHADE_COLORS))
    return [Style(color=line, bgcolor=color) for color in colors]


def _ratio_styles(depth: ColorDepth) -> list[Style]:
    if not depth.has_shades:
        return [PLAIN] * len(RATIO_SIGNS)
    return [Style(color="#bcbcbc", bgcolor=Color.from_rgb(*color)) for color in RATIO_COLORS]


def _codes(ramp: str) -> Cells:
    return np.array([ord(sign) for sign in ramp])


def _looked_up(
    density: PlaneDensity, values: Floats | Integers, view: View, columns: int, rows: int, outside: float
) -> Floats:
    """The values of the grid in the middle of each cell of a canvas, (rows, columns)."""
    canvas = Canvas(view, 0, 0, columns, rows, False, {})
    x = np.array([canvas.center_of(column, 0)[0] for column in range(columns)])
    y = np.array([canvas.center_of(0, row)[1] for row in range(rows)])
    down, along = density.places(x, y)
    found = values[np.ix_(down, along)]
    return np.where((down >= 0)[:, None] & (along >= 0), found, outside)


def _edges(levels: Floats) -> NDArray[np.bool_]:
    """The cells just inside of a region; NaN, as what is out of view, is no edge of any."""
    padded = np.pad(levels, 1, constant_values=np.nan)
    around = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
    edges: NDArray[np.bool_] = np.any([levels > other for other in around], axis=0)
    return edges


def _with_means(
    glyphs: Cells,
    looks: Cells,
    means: dict[int, tuple[float, float]],
    view: View,
    styles: list[Style],
    base: Style,
) -> tuple[Cells, Cells, list[Style]]:
    """Glyphs, looks and styles with a sign in the cell of the mean of each class."""
    rows, columns = glyphs.shape
    canvas = Canvas(view, 0, 0, columns, rows, False, {})
    glyphs, looks = glyphs.copy(), np.array(looks, np.int64)
    for label, mean in means.items():
        column, row = cell = canvas.cell_of(*mean)
        if cell == canvas.clamp(*cell):
            glyphs[row, column], looks[row, column] = ord(CLASS_SIGNS[label]), len(styles)
    return glyphs, looks, [*styles, base + Style(bold=True, reverse=True)]
