"""Tiles are as large as leaves room for those that are wanted."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from rich.cells import cell_len

from tests.support.drawing import BASE
from tui.drawing.images import Scale
from tui.drawing.strips import draw_message
from tui.drawing.tiles import CaptionPlacement, draw_tiles, lay_out_tiles
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
        (DIGIT, (80, 21), 32, 8, Scale(1, 2), 5, 2),  # smaller ones cannot be read
        (DIGIT, (119, 37), 32, 8, Scale(1, 2), 8, 4),
        (DIGIT, (40, 9), 32, 8, Scale(1, 2), 2, 1),  # what fits of those that are wanted
        (STACK, (80, 22), 4, None, Scale(1, 2), 5, 1),
        (STACK, (80, 21), 4, None, None, 0, 0),
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


@pytest.mark.parametrize("captions", get_args(CaptionPlacement))
@pytest.mark.parametrize("shape", [DIGIT, (2, 28, 28), STACK, (5, 28, 28)])
def test_captions_cover_no_line_of_any_picture_at_any_size(
    shape: tuple[int, int, int], captions: CaptionPlacement
) -> None:
    tiles = np.zeros((40, *shape), np.float32)
    tiles[:, -1, -4:] = tiles[:, 0, :4] = 1  # bright rows at both ends of each stack
    names = [f"{place % 10}  {place}.5" for place in range(40)]
    for width in range(7, 130, 3):
        for height in range(4, 60):
            tiling = lay_out_tiles(shape, width, height, at_least=4, captions=captions)
            if tiling is None:
                continue
            strips = draw_tiles(tiles, tiling, BASE, ColorDepth.ASCII, names=names, selected=1, captions=captions)
            assert len(strips) <= height
            assert all(strip.cell_length <= width + 1 for strip in strips)
            pictures = math.ceil(math.prod(shape[:2]) * tiling.scale.up // tiling.scale.down / 2)
            for row in range(-(-min(tiling.capacity, 40) // tiling.columns)):
                for line in (row * tiling.cells_high, row * tiling.cells_high + pictures - 1):
                    shown = strips[line].text[: tiling.cells_wide]
                    assert set(shown) <= set("#%@*+="), (width, height, line)
                    assert len(shown) == tiling.cells_wide


def test_captions_stand_beside_where_a_line_below_would_make_images_smaller() -> None:
    low, high = (lay_out_tiles(STACK, 80, lines, at_least=4, captions="beside") for lines in (21, 22))
    assert low is not None
    assert high is not None
    assert (low.scale, low.beside, low.columns) == (Scale(1, 2), 5, 4)
    assert (high.scale, high.beside, high.columns) == (Scale(1, 2), 0, 5)
    strips = draw_tiles(ramps(4, 3), low, BASE, ColorDepth.ASCII, names=["7  12.5"] * 4, selected=2, captions="beside")
    assert [strip.text[14:19] for strip in strips[:3]] == ["    7", " 12.5", "     "]
    assert strips[0].text[54:59] == "   >7"


@pytest.mark.parametrize("captions", ["below", "beside"])
def test_captions_of_wide_letters_take_the_room_of_others(captions: CaptionPlacement) -> None:
    tiling = lay_out_tiles(STACK, 80, 22 if captions == "below" else 21, at_least=4, captions=captions)
    assert tiling is not None
    wide, narrow = (
        draw_tiles(ramps(4, 3), tiling, BASE, ColorDepth.ASCII, names=names, selected=1, captions=captions)
        for names in (["猫 三毛猫の子猫たちと犬"] * 4, ["cat"] * 4)
    )
    cells = [[cell_len(strip.text) for strip in strips] for strips in (wide, narrow)]
    assert cells[0] == cells[1]
    assert any("猫" in strip.text for strip in wide)


def test_a_message_of_wide_letters_stays_within_its_room() -> None:
    strips = draw_message("写真のフォルダーが見つかりません", 12, 5)
    assert [cell_len(strip.text) for strip in strips] == [12] * 5
    assert "".join(strip.text for strip in strips).replace(" ", "") == "写真のフォルダーが見つかりません"


def test_styles_of_what_lies_below_show_through_captions() -> None:
    tiling = lay_out_tiles(DIGIT, 14, 8)
    assert tiling is not None
    strips = draw_tiles(ramps(1), tiling, BASE, ColorDepth.TRUECOLOR, names=["one"])
    assert [segment.style for segment in strips[-1]] == [BASE, BASE]
    assert all(segment.style and segment.style.bgcolor for strip in strips for segment in strip)
