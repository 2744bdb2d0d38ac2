"""A sweep in parallel coordinates: an axis for each setting and the figure, and a line for each run."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from rich.style import Style
from textual.strip import Strip

from core.runs.choosing.outcome import FIGURES, Outcome
from core.runs.run import Run
from core.runs.settings import title
from tui.drawing.plots.axes import FRAME, NARROWEST
from tui.drawing.plots.cells import Cells
from tui.drawing.plots.raster import Canvas, put_lines
from tui.drawing.strips import draw_message, fill
from tui.drawing.sweeps.scale import axis_of, setting_axis
from tui.run_looks import BLUE, ORANGE
from tui.terminal.capabilities import ColorDepth

LOWEST = 7
HEAD = 2  # lines above the axes: what stands out, and their names
SIDE = 6  # cells at both sides for names
TICKS = 3  # of a setting that has as few values
BETTER = 0.25  # of all runs, which are drawn brighter than the others


def draw_parallel(
    found: Outcome,
    figure: str,
    width: int,
    height: int,
    depth: ColorDepth,
    best: Collection[Run] = (),
    chosen: Collection[Run] = (),
) -> list[Strip]:
    """`height` strips of `width` cells; the lowest figure is at the bottom, the best and the chosen runs stand out."""
    known = [trial for trial in found.in_order(figure) if figure in trial.figures]
    if not known or width < NARROWEST or height < LOWEST:
        return draw_message(f"no run has a {FIGURES[figure]} yet", width, height)
    names = [*map(title, found.varied), figure.replace("_", " ")]
    values = [[trial.settings[name] for trial in known] for name in found.varied]
    figures = [trial.figures[figure] for trial in known]
    axes = [*(setting_axis(each, TICKS) for each in values), axis_of(figures, 3)]
    values.append([*figures])
    columns, rows = width - 2 * SIDE, height - HEAD
    places = [SIDE + round(number * (columns - 1) / max(1, len(axes) - 1)) for number in range(len(axes))]
    canvas = Canvas(columns, rows, (0.0, float(max(1, len(axes) - 1))), (0.0, 1.0))
    cells = Cells(columns, rows)
    x = np.arange(len(axes), dtype=np.float64)
    order = sorted(range(len(known)), key=lambda number: (known[number].run in chosen, -number))
    glyph = "." if depth is ColorDepth.ASCII else "braille"
    for number in order:  # the better ones cover the others
        y = np.array([axis.part(each[number]) for axis, each in zip(axes, values, strict=True)])
        trial = known[number]
        rank = 1.0 if found.other_sums(figure) else number / len(known)
        style = _style(rank, trial.run in best, trial.run in chosen, depth)
        mark = "#" if depth is ColorDepth.ASCII and trial.run in chosen else glyph
        put_lines(cells, {0: ((x, y), mark, style)}, canvas, joined=True)
    strips = cells.strips()
    whole = Cells(width, HEAD + rows)
    line = "|" if depth is ColorDepth.ASCII else "│"
    for row, strip in enumerate(strips):
        at = SIDE
        for segment in strip:
            whole.put(at, HEAD + row, segment.text, segment.style or Style())
            at += segment.cell_length
    at = 0
    runs = {trial.run for trial in known}
    for text, style in _legend(runs.intersection(best), runs.intersection(chosen), depth):
        whole.put(at, 0, text, style)
        at += len(text)
    for place, axis, name in zip(places, axes, names, strict=True):
        for row in range(rows):
            whole.put(place, HEAD + row, line, FRAME)
        _centred(whole, place, HEAD - 1, name, Style(bold=True))
        marks = sorted(axis.ticks.items())
        if not axis.words:
            marks = [marks[0], marks[-1]] if len(marks) > 1 else marks
        for value, label in marks:
            part = (value - axis.limits[0]) / (axis.limits[1] - axis.limits[0])
            _beside(whole, place, HEAD + round((1 - part) * (rows - 1)), label)
    return fill(whole.strips(), width, height, Style())


def _legend(best: set[Run], chosen: set[Run], depth: ColorDepth) -> Iterator[tuple[str, Style]]:
    """What the lines that stand out are, each behind a piece of one."""
    line, of_chosen = ("..", "##") if depth is ColorDepth.ASCII else ("⠒⠒", "⠒⠒")
    both = bool(best) and best == chosen
    if best and not both:
        yield from ((line, _style(0.0, is_best=True, is_chosen=False, depth=depth)), (" best  ", Style()))
    if chosen:
        yield of_chosen, _style(0.0, is_best=both, is_chosen=True, depth=depth)
        yield " best, with the cursor" if both else " cursor", Style()


def _style(rank: float, is_best: bool, is_chosen: bool, depth: ColorDepth) -> Style:
    """How a line looks by the share of runs that are better."""
    if not depth.has_colors:
        return Style(bold=is_best or is_chosen, dim=rank >= BETTER and not is_chosen)
    red, green, blue = ORANGE if is_best else BLUE
    color = "white" if is_chosen else f"rgb({red},{green},{blue})"
    return Style(color=color, bold=is_best or is_chosen, dim=rank >= BETTER and not (is_best or is_chosen))


def _centred(cells: Cells, column: int, row: int, text: str, style: Style) -> None:
    start = min(max(0, column - len(text) // 2), max(0, cells.width - len(text)))
    cells.put(start, row, text[: cells.width], style)


def _beside(cells: Cells, column: int, row: int, text: str) -> None:
    """Right of an axis, or left of it where the screen ends."""
    start = column + 1 if column + 1 + len(text) <= cells.width else column - len(text)
    cells.put(start, row, text, Style(dim=True))
