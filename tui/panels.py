"""Charts as matplotlib draws them: curves that share axes, with what was changed on the way; densities in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from core.arrays import Images
from tui.drawing.grounds.density import LINE_COLOR, MUCH, SHADE_COLORS, SHARE_NAMES, Ratio, Shades
from tui.drawing.grounds.particles import ParticleGround
from tui.drawing.grounds.thumbnails import Sheet
from tui.drawing.plots.axes import Range
from tui.drawing.plots.curves import Curve, decimate, markers
from tui.drawing.points import CLASS_COLORS
from tui.drawing.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160
WIDE = (10.0, 5.625)  # inches: 1600 x 900 pixels

WIDEST, NARROWEST = 1680, 720  # pixels of a page of tiles, about, and at least
SPACE = 2  # pixels of an image between two
TITLE_LINE, TITLE_CHARACTER, CAPTION_LINE = 30, 12, 30  # pixels
GROUND_CELLS = (84, 72)  # across and down: about as in a terminal, where 500 latents still make a ground
PAPER_TINT = 0.35  # of the colour of a class on white


@dataclass(frozen=True)
class Panel:
    """Curves that share axes."""

    title: str
    curves: Sequence[Curve]
    y_range: Range | None = None


def label_axes(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """What stands beside axes."""
    # A $ in a name must not begin a formula.
    axes.set_title(title, parse_math=False)
    axes.set_xlabel(x_label, parse_math=False)
    axes.set_ylabel(y_label, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def draw_panel(axes: Axes, panel: Panel, x_label: str, x_range: Range | None, log_scale: bool) -> None:
    """Its curves, what was changed along x, and a legend."""
    from matplotlib.ticker import LogFormatter

    label_axes(axes, panel.title, x_label, "")
    points = [curve.visible(log_scale=log_scale, x_range=x_range) for curve in panel.curves]
    if x_range is not None:
        axes.set_xlim(x_range)
    if panel.y_range is not None and not log_scale:
        low, high = panel.y_range
        margin = 0.05 * (high - low) or 1.0
        axes.set_ylim(low - margin if low else low, high + margin)
    if log_scale and any(len(y) for _, y in points):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    signs = []
    for curve, (x, y), marker in zip(panel.curves, points, markers(panel.curves), strict=True):
        x, y = decimate(x, y, round(WIDE[0] * DPI))
        line, point = marker.matplotlib, "." if len(x) == 1 else ""
        if curve.style == "points":
            line, point = "", marker.matplotlib
        elif curve.style == "marked" or curve.place is not None:
            line, point = marker.matplotlib[0], marker.matplotlib[1:] if curve.style == "marked" else ""
        width, alpha = (1.0, 0.4) if curve.dim else (1.8, 1.0)
        color = [part / 255 for part in curve.rich_color.get_truecolor()]
        signs += axes.plot(x, y, color=color, alpha=alpha, linestyle=line, linewidth=width, marker=point, markersize=5)
        if curve.band is not None:
            axes.fill_between(curve.x, *curve.band, color=color, alpha=0.2, linewidth=0)
    _mark_changes(axes, panel, x_range)
    named = [(sign, curve.label) for sign, curve in zip(signs, panel.curves, strict=True) if curve.label]
    legend = axes.legend(*zip(*named, strict=True), frameon=False) if named else axes.legend([], [])
    for text in legend.get_texts():
        text.set_parse_math(False)


def _mark_changes(axes: Axes, panel: Panel, x_range: Range | None) -> None:
    for place, text in dict.fromkeys(change for curve in panel.curves for change in curve.changes):
        if x_range is None or x_range[0] <= place <= x_range[1]:
            axes.axvline(place, color="grey", linestyle=":", linewidth=1)
            words = axes.annotate(text, (place, 1), (3, -3), ("data", "axes fraction"), "offset points")
            words.set(rotation=90, verticalalignment="top", fontsize="small", color="grey", parse_math=False)


@dataclass(frozen=True, eq=False)
class TilePage:
    """Tiles (N, K, H, W) in [0, 1], K images above each other with a caption below, so many a row, under a title."""

    tiles: Images
    columns: int
    captions: Sequence[str]
    title: str

    @property
    def scale(self) -> int:
        """Pixels of paper for one of an image, along each axis: more where there are few tiles."""
        wide: int = self.tiles.shape[3]
        return min(max(WIDEST // (self.columns * (wide + SPACE)), 4), 8)

    @property
    def lines(self) -> list[str]:
        """Those of the title."""
        width = max(self.columns * (self.tiles.shape[3] + SPACE) * self.scale, NARROWEST)
        return [part for line in self.title.splitlines() for part in wrap(line, width // TITLE_CHARACTER)]

    def paper(self) -> tuple[Images, list[tuple[int, int]]]:
        """The page without its words, (height, width) with white as 1, and where captions begin: x of the middle, y."""
        count, images, high, wide = self.tiles.shape
        scale, rows = self.scale, -(-count // self.columns)
        step, top = (wide + SPACE) * scale, len(self.lines) * TITLE_LINE + SPACE * scale
        down = images * (high + SPACE) * scale + CAPTION_LINE * any(self.captions)
        width = max(self.columns * step, NARROWEST)
        paper, places = np.ones((top + rows * down, width), np.float32), []
        large = np.clip(np.nan_to_num(self.tiles), 0, 1).repeat(scale, axis=2).repeat(scale, axis=3)
        for number, tile in enumerate(large):
            x = (width - self.columns * step + SPACE * scale) // 2 + number % self.columns * step
            for place, image in enumerate(tile):
                y = top + number // self.columns * down + place * (high + SPACE) * scale
                paper[y : y + high * scale, x : x + wide * scale] = image
            places.append((x + wide * scale // 2, y + high * scale))
        return paper, places


def draw_tiles(figure: Figure, page: TilePage) -> None:
    """A page, in a figure that is made as large as it is."""
    paper, places = page.paper()
    height, width = paper.shape
    figure.set_layout_engine("none")
    figure.set_size_inches(width / DPI, height / DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(paper, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=(0, width, height, 0))
    axes.text(width / 2, 6, "\n".join(page.lines), ha="center", va="top", fontsize="medium", parse_math=False)
    for (x, y), caption in zip(places, page.captions, strict=True):
        axes.text(x, y + 4, caption, ha="center", va="top", fontsize="small", parse_math=False)


def draw_decoded(axes: Axes, sheet: Sheet, view: View) -> None:
    """What decodes in the plane, as far as it is seen."""
    axes.grid(visible=False)
    axes.imshow(sheet.image, cmap="gray", vmin=0, vmax=1, extent=(*sheet.x, *sheet.y), aspect="auto")
    axes.set(xlim=view.x, ylim=view.y)


def draw_densities(figure: Figure, axes: Axes, ground: Shades | Ratio, view: View) -> None:
    """What is seen of two densities: regions of the one with those of the other as lines, or their ratio in colours."""
    density = ground.density
    x, y = density.middles
    if isinstance(ground, Ratio):
        most = np.log2(MUCH)
        shown = axes.pcolormesh(x, y, density.log_ratio, cmap="PiYG", vmin=-most, vmax=most, rasterized=True)
        figure.colorbar(shown, ax=axes, label=f"log2 of the density of latents over that of {ground.drawn}")
    else:
        # On paper what is dense is dark.
        *shades, line = (tuple(channel / 255 for channel in color) for color in (*reversed(SHADE_COLORS), LINE_COLOR))
        levels = np.arange(len(shades) + 1) + 0.5
        axes.contourf(x, y, density.posterior_regions, levels, colors=shades)
        axes.contour(x, y, density.drawn_regions, levels[:-1], colors=[line], linewidths=1.2)
        signs = [axes.scatter([], [], s=60, marker="s", color=shade) for shade in shades]
        names = [f"{share} of the latents" for share in SHARE_NAMES]
        lines = axes.plot([], [], color=line)
        names.append(f"the same of {ground.drawn}")
        figure.legend([*signs, *lines], names, loc="outside lower center", ncols=3)
    for label, mean in ground.means.items():
        if view.holds(np.array([mean]))[0]:
            axes.text(*mean, str(label), ha="center", va="center", bbox={"boxstyle": "circle", "facecolor": "white"})
    axes.set(xlim=view.x, ylim=view.y)


def draw_particles(figure: Figure, axes: Axes, ground: ParticleGround, view: View) -> None:
    """Particles in the colours of the digits they are asked to become, over the ground where latents of each lie."""
    colors = np.array(CLASS_COLORS) / 255
    cells = ground.classes.ground(view, *GROUND_CELLS)
    tints = np.append(1 - PAPER_TINT * (1 - colors), np.ones((1, 3)), axis=0)
    axes.imshow(tints[cells], extent=(*view.x, *view.y), aspect="auto", interpolation="nearest", zorder=0)
    inside = view.holds(ground.points)
    labels = ground.labels[inside] % len(colors)
    x, y = ground.points[inside].T
    axes.scatter(x, y, s=14, c=colors[labels], edgecolors="black", linewidths=0.4, zorder=2)
    for label in np.unique(ground.classes.labels).tolist():
        mean = ground.classes.points[ground.classes.labels == label].mean(axis=0)
        if view.holds(mean[None])[0]:
            shape = {"boxstyle": "circle", "facecolor": "white", "alpha": 0.8}
            axes.text(mean[0], mean[1], str(label), ha="center", va="center", fontsize=9, bbox=shape, zorder=3)
    present = np.unique(labels)
    signs = [axes.scatter([], [], s=40, color=colors[label]) for label in present]
    figure.legend(signs, [str(label) for label in present], title="asked for", loc="outside right upper", frameon=False)
    axes.set(xlim=view.x, ylim=view.y)
