"""Tiles are as large as leaves room for those that are wanted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.drawing import BASE
from tui.drawing.images import Scale
from tui.drawing.tiles import draw_tiles, lay_out_tiles
from tui.terminal.capabilities import ColorDepth

DIGIT, STACK = (1, 28, 28), (3, 28, 28)


def ramps(count: int, images: int = 1) -> np.ndarray:
    """Tiles whose images are of one grey each: all of them differ."""
    greys = np.linspace(0.2, 1, count * images, dtype=np.float32)
    return greys.reshape(count, images, 1, 1).repeat(28, 2).repeat(28, 3)


@pytest.mark.parametrize(
    ("shape", "cells", "wanted", "columns", "scale", "beside", "below"),
    [
        (DIGIT, (28, 15), 1, None, Scale(1, 1), 1, 1),
        (DIGIT, (27, 15), 1, None, Scale(1, 2), 1, 1),  # one column too few for its 28 pixels
        (DIGIT, (28, 14), 1, None, Scale(1, 2), 1, 1),  # one line too few for its caption
        (DIGIT, (57, 15), 2, None, Scale(1, 1), 2, 1),  # a cell between two
        (DIGIT, (56, 15), 2, None, Scale(1, 2), 3, 1),
        (DIGIT, (300, 100), 1, None, Scale(7, 1), 1, 1),
        (DIGIT, (300, 300), 1, None, Scale(8, 1), 1, 2),
        (DIGIT, (80, 21), 32, 8, Scale(1, 4), 8, 4),
        (DIGIT, (119, 37), 32, 8, Scale(1, 2), 8, 4),
        (DIGIT, (40, 9), 32, 8, Scale(1, 4), 5, 1),  # what fits of those that are wanted
        (STACK, (80, 22), 4, None, Scale(1, 2), 5, 1),
        (STACK, (80, 21), 4, None, Scale(1, 4), 10, 1),
        (STACK, (80, 11), 4, None, None, 0, 0),
        (DIGIT, (6, 40), 1, None, None, 0, 0),
        ((1, 7, 7), (6, 6), 1, None, None, 0, 0),  # odd sides do not shrink
        (DIGIT, (0, 0), 1, None, None, 0, 0),
    ],
)
def test_tiles_are_as_large_as_leaves_room_for_those_wanted(
    shape: tuple[int, int, int],
    cells: tuple[int, int],
    wanted: int,
    columns: int | None,
    scale: Scale | None,
    beside: int,
    below: int,
) -> None:
    tiling = lay_out_tiles(shape, *cells, at_least=wanted, columns=columns)
    if tiling is None:
        assert scale is None
        return
    assert (tiling.scale, tiling.columns, tiling.rows) == (scale, beside, below)
    assert tiling.capacity == beside * below
    assert tiling.columns * (tiling.cells_wide + 1) - 1 <= cells[0]
    assert tiling.rows * tiling.cells_high <= cells[1]


def test_captions_over_the_images_cost_no_line() -> None:
    assert lay_out_tiles(DIGIT, 28, 14, captions="over") == lay_out_tiles(DIGIT, 28, 14, captions="none")
    assert lay_out_tiles(DIGIT, 28, 14, captions="over").cells_high == 14  # type: ignore[union-attr]


def test_styles_of_what_lies_below_show_through_captions() -> None:
    tiling = lay_out_tiles(DIGIT, 14, 8)
    assert tiling is not None
    strips = draw_tiles(ramps(1), tiling, BASE, ColorDepth.TRUECOLOR, names=["one"])
    assert [segment.style for segment in strips[-1]] == [BASE, BASE]
    assert all(segment.style and segment.style.bgcolor for strip in strips for segment in strip)
