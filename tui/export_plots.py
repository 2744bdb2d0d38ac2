"""Draws what is shown into PNG files, by matplotlib."""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import folders
from core.arrays import Floats
from core.errors import RunError, describe
from core.text import printable
from tui import latent_plane
from tui.drawing.grounds.density import Ratio, Shades
from tui.drawing.grounds.particles import ParticleGround
from tui.drawing.grounds.thumbnails import Sheet
from tui.drawing.plots.axes import Range
from tui.drawing.points import CLASS_COLORS
from tui.drawing.view import View, finite
from tui.export import write_file
from tui.panels import (
    DPI,
    WIDE,
    Panel,
    TilePage,
    draw_decoded,
    draw_densities,
    draw_panel,
    draw_particles,
    draw_tiles,
    label_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from core.explorer.results import LatentProjection

DRAWS = threading.Lock()  # matplotlib makes no promise for two threads, and its settings are those of the process
HALF_HIGHER, SQUARE = (10.0, 8.4375), (8.75, 7.5)  # inches: 1600 x 1350, 1400 x 1200


@dataclass(frozen=True)
class Seen:
    """The part of a plane that is seen: the view, without the classes that are switched off."""

    view: View
    hidden: frozenset[int]

    def points(self, plane: LatentProjection) -> NDArray[np.bool_]:
        """Which of the points are seen, bool (N,)."""
        return self.view.holds(plane.points) & ~np.isin(plane.labels, list(self.hidden))


def save_tiles(path: Path, page: TilePage, *, replace: bool = False) -> None:
    """Tiles with their captions below a title as a PNG. Raises OSError."""
    with _plain_matplotlib():
        figure = _figure(WIDE)
        draw_tiles(figure, page)
        content = _figure_png(figure)
    write_file(path, content, replace=replace)


def save_curves(
    path: Path,
    panels: Sequence[Panel],
    *,
    title: str = "",
    x_label: str = "epoch",
    x_range: Range | None = None,
    log_scale: bool = False,
    replace: bool = False,
) -> None:
    """Plots as a PNG 1600 pixels wide: the first over the whole width, the others side by side below it.

    A log scale leaves out values of zero and below, `x_range` what lies outside. Raises ValueError without panels,
    OSError.
    """
    if not panels:
        raise ValueError("there are 0 panels, must be 1 or more")
    with _plain_matplotlib():
        figure = _figure(HALF_HIGHER if len(panels) > 1 else WIDE)
        grid = figure.add_gridspec(min(len(panels), 2), max(1, len(panels) - 1))
        for number, panel in enumerate(panels):
            place = grid[0, :] if number == 0 else grid[1, number - 1]
            draw_panel(figure.add_subplot(place), panel, x_label, x_range, log_scale)
        figure.suptitle(title, parse_math=False)
        content = _figure_png(figure)
    write_file(path, content, replace=replace)


def save_scatter(
    path: Path,
    points: Floats,
    classes: NDArray[np.integer[Any]],
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    view: View | None = None,
    replace: bool = False,
) -> None:
    """Points (N, 2) of classes (N,) as a PNG of 1400 x 1200 pixels; a class has its number at its median.

    Points that are not finite or not in the view are left out. Raises ValueError for other shapes and classes, OSError.
    """
    if points.shape != (len(classes), 2) or classes.ndim != 1:
        raise ValueError(f"points are {points.shape} of classes {classes.shape}, must be (N, 2) of (N,)")
    if len(classes) and classes.min() < 0:
        raise ValueError(f"classes are {classes.min()} to {classes.max()}, must be 0 or more")
    drawable = finite(points) if view is None else view.holds(points)
    points, classes = points[drawable], classes[drawable]

    with _plain_matplotlib():
        figure = _figure(SQUARE)
        axes = figure.add_subplot()
        label_axes(axes, title, x_label, y_label)
        shades = np.array(CLASS_COLORS)[np.arange(classes.max(initial=0) + 1) % len(CLASS_COLORS)] / 255
        # All at once, in the order given: class by class, the last would cover the others.
        axes.scatter(points[:, 0], points[:, 1], s=9, c=shades[classes], alpha=0.5, linewidths=0)
        present = np.unique(classes)
        for number in present:
            x, y = np.median(points[classes == number], axis=0)
            frame = {"boxstyle": "circle", "facecolor": "white", "edgecolor": shades[number], "alpha": 0.8}
            axes.text(x, y, str(number), ha="center", va="center", fontsize=9, bbox=frame)
        if len(present):
            signs = [axes.scatter([], [], s=40, color=shades[number]) for number in present]
            names, columns = [str(number) for number in present], -(-len(present) // 32)
            figure.legend(signs, names, loc="outside right upper", frameon=False, ncols=columns)
        if view is not None:
            axes.set(xlim=view.x, ylim=view.y)
        content = _figure_png(figure)
    write_file(path, content, replace=replace)


def save_projection(
    path: Path, run: str, plane: LatentProjection, seen: Seen | None = None, *, replace: bool = False
) -> None:
    """The latents of a run in the plane as a PNG, all of them or those that are seen. Raises OSError."""
    x_label, y_label = plane.projection.axes
    title = "\n".join([printable(run), ": ".join(filter(None, latent_plane.title(plane)))])
    points, labels, view = plane.points, plane.labels, None
    if seen is not None:
        visible, view = ~np.isin(labels, list(seen.hidden)), seen.view
        points, labels = points[visible], labels[visible]
    save_scatter(path, points, labels, title=title, x_label=x_label, y_label=y_label, view=view, replace=replace)


def save_density(path: Path, run: str, plane: LatentProjection, ground: Shades | Ratio, view: View) -> None:
    """What is seen of the densities of a run's latents and of what is drawn, in a new PNG. Raises OSError."""
    x_label, y_label = plane.projection.axes
    facts = f"{ground.density.overlap:.0%} in common with {ground.drawn}"
    with _plain_matplotlib():
        figure = _figure(SQUARE)
        axes = figure.add_subplot()
        label_axes(axes, f"{printable(run)}\n{latent_plane.title(plane)[0]}: {facts}", x_label, y_label)
        draw_densities(figure, axes, ground, view)
        content = _figure_png(figure)
    write_file(path, content, replace=False)


def save_decoded(path: Path, run: str, plane: LatentProjection, sheet: Sheet, view: View) -> None:
    """What decodes in the plane of a run's latents, as far as it is seen, in a new PNG. Raises OSError."""
    x_label, y_label = plane.projection.axes
    with _plain_matplotlib():
        figure = _figure(SQUARE)
        axes = figure.add_subplot()
        title = f"{printable(run)}\n{latent_plane.title(plane)[0]}: what decodes in the plane"
        label_axes(axes, title, x_label, y_label)
        draw_decoded(axes, sheet, view)
        content = _figure_png(figure)
    write_file(path, content, replace=False)


def save_flow(path: Path, title: str, ground: ParticleGround, view: View, axes: tuple[str, str]) -> None:
    """What is seen of particles over the ground of classes, in a new PNG. Raises OSError."""
    with _plain_matplotlib():
        figure = _figure(SQUARE)
        plot = figure.add_subplot()
        label_axes(plot, title, *axes)
        draw_particles(figure, plot, ground, view)
        content = _figure_png(figure)
    write_file(path, content, replace=False)


@contextmanager
def _plain_matplotlib() -> Iterator[None]:
    """matplotlib as it is by itself in there, for one thread: no backend, rc file or style of its user.

    Raises RunError.
    """
    with DRAWS, _usual_settings():
        yield


@contextmanager
def _usual_settings() -> Iterator[None]:
    chosen = os.environ.pop("MPLBACKEND", None)
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)  # which would write on the screen of the app
    try:
        os.environ.setdefault("MPLCONFIGDIR", str(folders.dir_for_made("matplotlib")))  # for its list of fonts
        import matplotlib.backends.backend_agg
    except Exception as error:
        raise RunError(f"plots cannot be drawn, as matplotlib cannot be loaded: {describe(error)}") from error
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen
    with matplotlib.rc_context():
        usual = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
        matplotlib.rcParams.update(usual)
        yield


def _figure(inches: tuple[float, float]) -> Figure:
    # Not through pyplot, which keeps every figure and chooses a backend for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _figure_png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, bbox_inches=None)
    return content.getvalue()
