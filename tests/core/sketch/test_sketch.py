"""Strokes cover what they should; what is drawn ends where MNIST has its digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.images import load_image_set
from core.shapes import IMAGE_SHAPE
from core.sketch.canvas import EMPTY, WIDTHS, draw
from core.sketch.centring import BOX, centred, ink_of, without_ground

PLACE = st.tuples(st.floats(0, 28), st.floats(0, 28))


@given(start=PLACE, end=PLACE, width=st.sampled_from(WIDTHS))
def test_a_stroke_covers_what_is_within_half_its_width_and_is_rubbed_off_again(
    start: tuple[float, float], end: tuple[float, float], width: float
) -> None:
    ink = draw(EMPTY, start, end, width)
    assert ink.dtype == np.float32
    assert (ink.min() >= 0, ink.max() <= 1) == (True, True)
    x, y = np.meshgrid(np.arange(28) + 0.5, np.arange(28) + 0.5)
    steps = np.linspace(0, 1, 200)[:, None, None]
    distance = np.hypot(x - start[0] - steps * (end[0] - start[0]), y - start[1] - steps * (end[1] - start[1])).min(0)
    assert (ink[distance < width / 2 - 0.6] == 1).all()
    assert (ink[distance > width / 2 + 0.6] == 0).all()
    assert draw(ink, start, end, width + 1, erase=True).max() < 0.6
    np.testing.assert_array_equal(draw(EMPTY, end, start, width).round(4), ink.round(4))


def test_a_drawn_digit_fills_the_box_and_has_its_centre_of_mass_in_the_middle() -> None:
    small = draw(draw(EMPTY, (3, 2), (9, 2), 1.0), (9, 2), (5, 12), 1.0)
    image = centred(small)
    inside = np.argwhere(image > 0.1)
    assert np.ptp(inside[:, 0]) + 1 in (BOX - 1, BOX)
    mass = image.sum()
    centre = [(image.sum(axis=1 - axis) @ np.arange(28)) / mass for axis in (0, 1)]
    assert centre == pytest.approx([14, 14], abs=0.51)
    np.testing.assert_array_equal(centred(EMPTY), EMPTY)
    assert centred(np.pad(small, 40)) == pytest.approx(image)


def test_digits_of_mnist_stay_where_they_are() -> None:
    images = load_image_set("mnist-5k").validation_images[:200].numpy() / 255
    digits = images[:, 2:-2, 2:-2].astype(np.float32)
    same = [np.abs(centred(digit) - digit).sum() / digit.sum() for digit in digits]
    assert np.median(same) < 0.05
    assert digits.shape[1:] == IMAGE_SHAPE


def test_dark_on_light_is_turned_round() -> None:
    ink = draw(EMPTY, (5, 5), (20, 20), 2.0)
    np.testing.assert_allclose(ink_of(1 - ink), ink, atol=1e-6)
    np.testing.assert_array_equal(ink_of(ink), ink)


def test_the_shadow_on_a_photographed_note_is_no_ink() -> None:
    digit = centred(pixels_of_a_digit())
    flat = np.pad(digit, 6)
    y, x = np.indices(flat.shape) / len(flat)
    ground = 0.9 - 0.5 * x - 0.2 * y * y  # of paper, dark in a corner
    noise = np.random.default_rng(0).normal(0, 0.01, flat.shape)
    found = centred(without_ground(ink_of((ground - 0.3 * flat + noise).astype(np.float32))))
    np.testing.assert_allclose(found, centred(flat), atol=0.35)
    assert np.abs(found - centred(flat)).mean() < 0.03
    even = (flat * 0.6 + 0.05).astype(np.float32)
    assert without_ground(even) is even


def pixels_of_a_digit() -> np.ndarray:
    image: np.ndarray = load_image_set("mnist-5k").validation_images[0, 2:-2, 2:-2].numpy() / np.float32(255)
    return image
