"""Ink on a canvas of 28x28 pixels: strokes of a round brush, and of an eraser."""

from __future__ import annotations

import numpy as np

from core.arrays import Floats, Images
from core.shapes import IMAGE_SHAPE

Point = tuple[float, float]  # pixels from the left and from the top; 0.5 is the middle of the first one
WIDTHS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)  # of the brush, in pixels; MNIST's digits have about 2.5
EMPTY: Images = np.zeros(IMAGE_SHAPE, np.float32)
EDGE = 1.0  # pixels over which ink fades


def draw(ink: Images, start: Point, end: Point, width: float, *, erase: bool = False) -> Images:
    """The ink (H, W) in [0, 1] after a straight stroke of that width, or after it was rubbed off there."""
    stroke = covered(ink.shape, start, end, width)
    return np.minimum(ink, 1 - stroke) if erase else np.maximum(ink, stroke)


def covered(shape: tuple[int, ...], start: Point, end: Point, width: float) -> Images:
    """How much of each pixel (H, W) the stroke covers: all within half its width of the line, fading at the edge."""
    rows, columns = (np.arange(size) + 0.5 for size in shape)
    x, y = np.meshgrid(columns, rows)
    along = np.subtract(end, start)
    length = float(along @ along)
    part: Floats = np.zeros(shape) if not length else ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length
    part = part.clip(0, 1)
    distance = np.hypot(x - start[0] - part * along[0], y - start[1] - part * along[1])
    inside: Images = ((width / 2 + EDGE / 2 - distance) / EDGE).clip(0, 1).astype(np.float32)
    return inside
