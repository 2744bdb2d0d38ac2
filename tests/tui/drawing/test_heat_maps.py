"""Each cell of a heat map says its number, in a colour that says its sign and size where there are colours."""

from __future__ import annotations

import numpy as np
import pytest
from textual.strip import Strip

from tests.support.drawing import BASE
from tui.drawing.heat_maps import channel_titles, draw_heat_maps
from tui.terminal.capabilities import ColorDepth

NAMES = ["channel 0", "channel 1", "channel 2", "channel 3"]


LATENT = (np.arange(64.0).reshape(4, 4, 4) - 32) / 10


def lines(maps: np.ndarray, width: int, depth: ColorDepth = ColorDepth.TRUECOLOR) -> list[str]:
    return [strip.text.rstrip() for strip in draw_heat_maps(maps, NAMES[: len(maps)], width, depth, BASE)]


def background(strip: Strip, text: str) -> tuple[int, int, int]:
    (segment,) = [segment for segment in strip if segment.text.strip() == text]
    assert segment.style and segment.style.bgcolor
    return segment.style.bgcolor.get_truecolor()


@pytest.mark.parametrize(
    ("width", "across", "number"),
    [(120, 4, "-3.20"), (102, 4, "-3.20"), (101, 4, "-3.2"), (80, 4, "-3.2"), (79, 3, "-3.2"), (20, 1, "-3.2")],
)
def test_as_many_maps_stand_beside_each_other_as_fit(width: int, across: int, number: str) -> None:
    shown = lines(LATENT, width)
    assert max(map(len, shown)) <= width
    assert [line.split() for line in shown[::5]] == [
        " ".join(NAMES[first : first + across]).split() for first in range(0, 4, across)
    ]
    assert shown[1].split()[0] == number


def test_every_number_is_there_in_its_place() -> None:
    read = np.array([[float(number) for number in line.split()] for line in lines(LATENT, 120)[1:]])
    assert np.allclose(read.reshape(4, 4, 4).swapaxes(0, 1), LATENT)


def test_sign_and_size_are_colours() -> None:
    strips = draw_heat_maps(np.array([[[-2.0, 0.0, 1.0, 2.0]]]), NAMES[:1], 80, ColorDepth.TRUECOLOR, BASE)
    low, zero, middle, high = (background(strips[1], text) for text in ("-2.00", "0.00", "1.00", "2.00"))
    assert (low, zero, high) == ((0, 114, 178), (40, 40, 40), (213, 94, 0))
    assert zero < middle < high


@pytest.mark.parametrize("depth", [ColorDepth.SIXTEEN, ColorDepth.NONE, ColorDepth.ASCII])
def test_without_enough_colours_the_numbers_stand_alone(depth: ColorDepth) -> None:
    strips = draw_heat_maps(LATENT, NAMES, 120, depth, BASE)
    assert {segment.style for strip in strips for segment in strip} == {BASE}
    assert all(strip.text.isascii() for strip in strips)


def test_nothing_is_less_than_nothing() -> None:
    assert lines(np.array([[[-0.001, 0.001]]]), 80)[1] == " 0.00  0.00"


@pytest.mark.parametrize("width", [120, 20])
@pytest.mark.parametrize("value", [0.0, 9.996, -9.9, 12.5, -12.5, 123.4, 99.96])
def test_numbers_keep_to_their_cells(value: float, width: int) -> None:
    row = np.array([[[value, 1.0, value, -1.0]]])
    cell = 6 if width == 120 else 5
    (strip,) = draw_heat_maps(row, NAMES[:1], width, ColorDepth.NONE, BASE)[1:]
    assert strip.cell_length == 4 * cell
    assert [float(strip.text[place : place + cell]) for place in (cell, 3 * cell)] == [1, -1]


def test_titles_of_channels_fit_above_their_maps() -> None:
    assert channel_titles(2, 4, " mean") == ["channel 0 mean", "channel 1 mean"]
    assert channel_titles(2, 2, " mean") == ["channel 0", "channel 1"]
    assert channel_titles(2, 1, " mean") == ["0", "1"]
