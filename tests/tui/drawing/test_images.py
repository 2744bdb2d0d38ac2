"""Images show their pixels, as large as fits and in as many shades as the terminal has."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rich.console import Console

from tests.support.drawing import BASE, greys_of
from tui.drawing.images import Scale, draw_image, mosaic, resize, shrink
from tui.terminal.capabilities import ColorDepth


def test_true_colour_shows_every_pixel() -> None:
    pixels = np.random.default_rng(0).random((6, 9), dtype=np.float32)
    pixels[0, :3] = 0, 1, 0.5
    shown = greys_of(draw_image(pixels, ColorDepth.TRUECOLOR, BASE))
    assert np.abs(shown - 255 * pixels).max() <= 2.5 + 1e-3
    assert shown[0, :2].tolist() == [0, 255]


def test_256_colours_are_codes_of_the_grey_ramp() -> None:
    pixels = np.array([[0, *range(8, 239, 10), 255]] * 2, dtype=np.float32) / np.float32(255)
    (strip,) = draw_image(pixels, ColorDepth.EIGHT_BIT, BASE)
    sent = strip.render(Console(color_system="256", force_terminal=True, width=80))
    assert [int(code) for code in re.findall(r"48;5;(\d+)", sent)] == [16, *range(232, 256), 231]


def test_16_colours_are_four_greys_of_which_none_behind_another_is_bright() -> None:
    pixels = np.array([[0, 0, 0.3, 0.7, 1, 1], [0, 1, 0.3, 0.7, 0.3, 1]], dtype=np.float32)
    (strip,) = draw_image(pixels, ColorDepth.SIXTEEN, BASE)
    sent = strip.render(Console(color_system="standard", force_terminal=True, width=80))
    assert strip.text == " ▄██▀█"
    assert re.findall(r"\[(\d+);(\d+)m", sent)[1:3] == [("97", "40"), ("90", "100")]
    assert re.findall(r"\[(\d+);(\d+)m", sent)[4] == ("97", "100"), "as dark as 40 where there are eight behind"


def test_without_colours_a_shade_stands_for_the_mean_of_two_pixels() -> None:
    pixels = np.array([[0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1]], dtype=np.float32)
    (strip,) = draw_image(pixels, ColorDepth.NONE, BASE)
    assert (strip.text, [segment.style for segment in strip]) == (" ░▒▓█", [BASE])


def test_ascii_pictures_are_ascii() -> None:
    pixels = np.tile(np.linspace(0, 1, 10, dtype=np.float32), (2, 1))
    (strip,) = draw_image(pixels, ColorDepth.ASCII, BASE)
    assert strip.text == " .:-=+*#%@"


@pytest.mark.parametrize("depth", ColorDepth)
def test_odd_heights_and_values_out_of_range_are_drawn(depth: ColorDepth) -> None:
    pixels = np.array([[np.nan, -1, 7]] * 3, dtype=np.float32)
    strips = draw_image(pixels, depth, BASE)
    assert [strip.cell_length for strip in strips] == [3, 3]
    if depth is ColorDepth.TRUECOLOR:
        assert greys_of(strips).tolist() == [[0, 0, 255]] * 3 + [[0, 0, 0]]


def test_equal_neighbours_share_a_segment() -> None:
    (strip,) = draw_image(np.zeros((2, 80), np.float32), ColorDepth.TRUECOLOR, BASE)
    assert len(list(strip)) == 1


def test_a_mosaic_places_images_with_gaps() -> None:
    images = np.arange(1, 7, dtype=np.float32).reshape(2, 3, 1, 1).repeat(2, 2).repeat(2, 3)
    picture = mosaic(images).astype(int)
    assert picture.tolist() == [
        [1, 1, 0, 2, 2, 0, 3, 3],
        [1, 1, 0, 2, 2, 0, 3, 3],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [4, 4, 0, 5, 5, 0, 6, 6],
        [4, 4, 0, 5, 5, 0, 6, 6],
    ]


def test_shrinking_takes_the_mean_of_blocks() -> None:
    image = np.array([[[0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0.5, 0.5], [1, 1, 0.5, 0.5]]], np.float32)
    assert shrink(image, 2).tolist() == [[[0.5, 0], [1, 0.5]]]
    with pytest.raises(ValueError, match="factor 3 does not divide images of 4x4"):
        shrink(image, 3)


def test_growing_repeats_pixels_exactly() -> None:
    image = np.array([[[0.0, 0.25], [0.5, 1.0]]], np.float32)
    assert resize(image, Scale(3, 1)).tolist() == np.kron(image, np.ones((1, 3, 3))).tolist()
