"""What a plane can show in place of its points, and how it is framed."""

from __future__ import annotations

from typing import Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.drawing.plots.legend import PLAIN
from tui.drawing.points import framed
from tui.drawing.view import View, lay_out
from tui.terminal.capabilities import ColorDepth

Legend = list[tuple[str, Style, str]]  # each a sign in its style, and what it means


class Ground(Protocol):
    """Fills the canvas of a plane."""

    def draw(self, view: View, columns: int, rows: int, base: Style, depth: ColorDepth) -> list[Strip]:
        """`rows` strips of `columns` cells."""

    def legend(self, depth: ColorDepth) -> Legend:
        """What its signs mean; what comes last is left out first where there is no room."""


def draw_ground(
    ground: Ground, width: int, height: int, view: View, x_label: str, y_label: str, base: Style, depth: ColorDepth
) -> list[Strip]:
    """`height` strips of `width` cells on the style `base`, framed as points are; above stands what the signs mean."""
    canvas = lay_out(width, height, view)
    shown = framed(ground.draw(view, canvas.columns, canvas.rows, base, depth), canvas, x_label, depth, base)
    return [_header(ground.legend(depth), y_label, width, depth).apply_style(base)] * canvas.top + shown


def _header(legend: Legend, y_label: str, width: int, depth: ColorDepth) -> Strip:
    segments, used = [], 0
    for sign, style, words in legend:
        if used + cell_len(sign + words) > width:
            break
        segments += [Segment(sign, style), Segment(words, PLAIN)]
        used += cell_len(sign + words)
    label = f"{'^' if depth is ColorDepth.ASCII else '↑'} {y_label}"
    if y_label and used + cell_len(label) < width:
        segments.append(Segment(set_cell_size("", width - used - cell_len(label)) + label, Style(dim=True)))
    return Strip(segments).adjust_cell_length(width, PLAIN)
