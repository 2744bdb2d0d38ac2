"""One setting of a sweep against a figure: a mark for each run."""

from __future__ import annotations

from collections.abc import Collection

from rich.style import Style
from textual.strip import Strip

from core.runs.choosing.outcome import FIGURES, Outcome, Trial
from core.runs.run import Run
from core.runs.settings import title
from core.runs.status import State
from tui.drawing.plots.axes import LOWEST, NARROWEST, frame, left_of_canvas, place
from tui.drawing.plots.cells import Cells
from tui.drawing.plots.raster import Canvas
from tui.drawing.strips import draw_message, fill
from tui.drawing.sweeps.scale import axis_of, setting_axis
from tui.run_looks import BLUE, ORANGE
from tui.terminal.capabilities import ColorDepth

# Of a run that finished, one that is not done, the best, and the one under the cursor.
SIGNS, ASCII_SIGNS = ("●", "○", "◆", "▣"), ("o", ".", "*", "#")


def draw_scatter(
    found: Outcome,
    setting: str,
    figure: str,
    width: int,
    height: int,
    depth: ColorDepth,
    best: Collection[Run] = (),
    chosen: Collection[Run] = (),
) -> list[Strip]:
    """`height` strips of `width` cells; the best and the chosen runs stand out.

    The runs of which the figure is not known are left out.
    """
    known = [trial for trial in found.trials if figure in trial.figures]
    if not known or width < NARROWEST or height < LOWEST:
        return draw_message(f"no run has a {FIGURES[figure]} yet", width, height)
    rows = height - 3
    along = setting_axis([trial.settings[setting] for trial in known], max(3, width // 12))
    up = axis_of([trial.figures[figure] for trial in known], max(3, (rows + 1) // 4))
    y_ticks = place(up.ticks, up.limits[1], up.limits[0], rows)
    columns = width - left_of_canvas(y_ticks)
    canvas = Canvas(columns, rows, along.limits, up.limits)
    cells = Cells(columns, rows)
    ordered = sorted(known, key=lambda trial: (trial.run in best, trial.run in chosen))  # later ones cover others
    for trial in ordered:
        sign, style = look(trial, trial.run in best, trial.run in chosen, depth)
        column, row = canvas.column(along.at(trial.settings[setting])), canvas.row(up.at(trial.figures[figure]))
        cells.put(column, row, sign, style)
    x_ticks = place(along.ticks, *along.limits, columns)
    strips = frame(cells.strips(), y_ticks, x_ticks, title(setting), depth)
    signs = ASCII_SIGNS if depth is ColorDepth.ASCII else SIGNS
    legend = f"{FIGURES[figure]}   {signs[0]} finished  {signs[1]} not done" + (f"  {signs[2]} best" if best else "")
    if any(trial.run in chosen for trial in known):
        legend += f"  {signs[3]} cursor"
    heading = Cells(width, 1)
    heading.put(0, 0, legend, Style(bold=True))
    return fill([*heading.strips(), *strips], width, height, Style())


def look(trial: Trial, is_best: bool, is_chosen: bool, depth: ColorDepth) -> tuple[str, Style]:
    """The sign of a run and its style."""
    done, open_, best, chosen = ASCII_SIGNS if depth is ColorDepth.ASCII else SIGNS
    sign = done if trial.summary.state is State.FINISHED else open_
    if is_chosen:
        sign = chosen
    elif is_best:
        sign = best
    style = Style(bold=is_best or is_chosen)
    if depth.has_colors:
        red, green, blue = ORANGE if is_best else BLUE
        style += Style(color="white" if is_chosen and not is_best else f"rgb({red},{green},{blue})")
    return sign, style
