"""Strips as a test reads them, and what the tests of drawing draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from textual.strip import Strip

from core.arrays import Floats, Integers
from tui.drawing.plots.curves import Curve

BASE = Style(color="#e0e0e0", bgcolor="#102030")
BLUE, ORANGE = (90, 170, 250), (250, 180, 60)


def text_of(strips: list[Strip]) -> str:
    return "\n".join(strip.text for strip in strips)


def cell(strips: list[Strip], x: int, y: int) -> tuple[str, Style]:
    """The character in a cell and its style."""
    (segment,) = strips[y].crop(x, x + 1)
    assert segment.style is not None
    return segment.text, segment.style


def color_of(color: Color | None) -> tuple[int, int, int] | None:
    return color.get_truecolor() if color else None


def greys_of(strips: list[Strip]) -> NDArray[np.int64]:
    """What a true colour terminal shows of half-blocks: (2 * lines, columns) of 0..255."""
    rows: list[list[int]] = []
    for strip in strips:
        upper: list[int] = []
        lower: list[int] = []
        for segment in strip:
            assert segment.style and segment.style.bgcolor and segment.style.bgcolor.triplet
            below = segment.style.bgcolor.triplet.red
            above = below
            if segment.text[0] == "▀":
                assert segment.style.color and segment.style.color.triplet
                above = segment.style.color.triplet.red
            upper += [above] * len(segment.text)
            lower += [below] * len(segment.text)
        rows += [upper, lower]
    return np.array(rows)


def loss_curves(epochs: int = 40, *, points: int = 240) -> list[Curve]:
    """A loss that falls, and validations."""
    x = np.linspace(0, epochs, points)
    ends = np.arange(1.0, epochs + 1)
    return [
        Curve("train", x, 30 + 170 * np.exp(-x / 6), BLUE),
        Curve("validation", ends, 34 + 170 * np.exp(-ends / 6), ORANGE, "points"),
    ]


def clouds(count: int = 2000, seed: int = 0) -> tuple[Floats, Integers]:
    """Points (N, 2) of ten classes, in clouds on a circle."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 10, count)
    angle = classes * np.pi / 5
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * 3 + rng.normal(0, 0.4, (count, 2)), classes
