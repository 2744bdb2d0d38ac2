"""Writing what a screen shows to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from textual.screen import Screen

from core.arrays import Images
from core.errors import describe
from core.evaluation.results import METRIC_DESCRIPTIONS
from core.text import printable
from tui import evaluation_table, export, export_plots, formatting, latent_plane, series
from tui.drawing.grounds.density import Ratio, Shades
from tui.drawing.grounds.particles import ParticleGround
from tui.drawing.grounds.thumbnails import Sheet
from tui.drawing.plots.axes import Range
from tui.drawing.plots.plot import visible_extent
from tui.drawing.plots.scales import Scale
from tui.drawing.view import View
from tui.messages import FilesWritten, Moment
from tui.panels import Panel, TilePage
from tui.screens.selection import Shared

ATTEMPTS = 20

if TYPE_CHECKING:
    from core.explorer.results import EvaluationResult, LatentProjection
    from core.runs.run import Run

WHOLE_GRID = "the table holds both densities all over their grid, whatever was seen of it"
WHOLE_TABLE = "the table holds everything; its column shown says what was seen"


# Writes files into a folder, and gives them; what it writes was looked up before. Raises OSError.
Writer = Callable[[Path], list[Path]]


@dataclass(frozen=True)
class Export:
    """What is to be written, and what to know about the files, of which `said` is known once they are written."""

    write: Writer
    note: str = ""
    said: Sequence[str] = ()


def export_files(screen: Screen[Any], shared: Shared, shown: Export | None) -> None:
    """Write into the folder in which the app was started, off the UI thread, and say which files were written.

    What is shown was looked up when the key was pressed; it is None where there is nothing to write. What is raised is
    shown.
    """
    if shown is None:
        screen.notify("there is nothing to export yet", severity="warning")
        return

    def task() -> None:
        try:
            files = _with_unused_names(lambda: shown.write(shared.export_folder()))
        except Exception as error:  # noqa: BLE001 - what cannot be drawn or written is a message, never the end
            screen.notify(describe(error), severity="error", markup=False)
            return
        screen.post_message(FilesWritten(files))
        lines = [*map(str, files), *filter(None, [shown.note]), *shown.said]
        screen.notify("\n".join(lines), title="written", markup=False)

    screen.run_worker(task, thread=True, group="export")


def _with_unused_names(write: Callable[[], list[Path]]) -> list[Path]:
    """Write where others may write files of the same names at the same time. Raises what `write` raises."""
    for _ in range(ATTEMPTS):
        try:
            return write()
        except FileExistsError:  # it was taken just now
            continue
    return write()


# What a screen shows, in new files with the next unused names; each returns their paths and raises OSError.


def write_picture(folder: Path, stem: str, images: Images, columns: int) -> list[Path]:
    """Images (N, H, W) as PNG, `columns` a row."""
    path = export.unused_path(folder, stem, ".png")
    export.save_picture(path, images, columns)
    return [path]


def write_tiles(folder: Path, stem: str, page: TilePage) -> list[Path]:
    """Tiles with their captions and a title as PNG."""
    path = export.unused_path(folder, stem, ".png")
    export_plots.save_tiles(path, page)
    return [path]


def title(run: Run, moment: Moment | None, facts: str) -> str:
    """What stands over a picture of what is shown: the run, the moment and these facts."""
    then = f", {formatting.moment(moment.epoch)}" if moment else ""
    return f"{printable(run.name)}{then}\n{facts}"


def write_table(folder: Path, stem: str, columns: Mapping[str, Sequence[Any]]) -> list[Path]:
    """Columns as CSV."""
    path = export.unused_path(folder, stem, ".csv")
    export.save_table(path, columns)
    return [path]


def write_curves(
    folder: Path,
    stem: str,
    title: str,
    charts: Sequence[series.Chart],
    x_label: str,
    x_range: Range,
    scale: Scale,
    y_ranges: Mapping[str, Range],
) -> list[Path]:
    """Charts: as PNG what is seen, as CSV everything, with a column that says so; `y_ranges` are those given."""
    picture, table = (export.unused_path(folder, stem, suffix) for suffix in (".png", ".csv"))
    panels = [
        Panel(chart.title, chart.curves, y_ranges.get(chart.key) or visible_extent(chart.curves, x_range, scale))
        for chart in charts
    ]
    export_plots.save_curves(picture, panels, title=title, x_label=x_label, x_range=x_range, log_scale=scale == "log")
    export.save_table(table, export.curve_table(charts, x_label, x_range))
    return [picture, table]


def write_projection(folder: Path, stem: str, run: str, plane: LatentProjection, seen: export_plots.Seen) -> list[Path]:
    """The latents in the plane: as PNG what is seen, as CSV everything, with a column that says so."""
    picture, table = (export.unused_path(folder, stem, suffix) for suffix in (".png", ".csv"))
    export_plots.save_projection(picture, run, plane, seen)
    export.save_table(table, latent_plane.columns(plane) | {"shown": seen.points(plane).astype(int)})
    return [picture, table]


def write_density(
    folder: Path, stem: str, run: str, plane: LatentProjection, ground: Shades | Ratio, view: View
) -> list[Path]:
    """Densities in the plane: as PNG what is seen, as CSV both all over their grid."""
    stem = f"{stem}-{'ratio' if isinstance(ground, Ratio) else 'density'}"
    picture, table = (export.unused_path(folder, stem, suffix) for suffix in (".png", ".csv"))
    export_plots.save_density(picture, run, plane, ground, view)
    x, y = (grid.ravel() for grid in np.meshgrid(*ground.density.middles))
    densities = {"posterior": ground.density.posterior.ravel(), "drawn": ground.density.drawn.ravel()}
    export.save_table(table, dict(zip(plane.projection.axes, (x, y), strict=True)) | densities)
    return [picture, table]


def write_decoded(folder: Path, stem: str, run: str, plane: LatentProjection, sheet: Sheet, view: View) -> list[Path]:
    """What decodes in the plane, as far as it is seen, as PNG."""
    path = export.unused_path(folder, f"{stem}-decoded", ".png")
    export_plots.save_decoded(path, run, plane, sheet, view)
    return [path]


def write_flow(
    folder: Path,
    stem: str,
    title: str,
    ground: ParticleGround,
    view: View,
    axes: tuple[str, str],
    columns: Mapping[str, Sequence[Any]],
) -> list[Path]:
    """Particles in the plane: as PNG what is seen, as CSV these columns."""
    picture, table = (export.unused_path(folder, stem, suffix) for suffix in (".png", ".csv"))
    export_plots.save_flow(picture, title, ground, view, axes)
    export.save_table(table, columns)
    return [picture, table]


def write_evaluations(folder: Path, stem: str, run: str, measured: Sequence[EvaluationResult]) -> list[Path]:
    """Everything that was measured of a run, as JSON and CSV."""
    text, table = (export.unused_path(folder, stem, suffix) for suffix in (".json", ".csv"))
    export.save_json(text, [evaluation_table.as_json(run, each) for each in measured])
    export.save_table(table, evaluation_table.columns(measured, METRIC_DESCRIPTIONS))
    return [text, table]
