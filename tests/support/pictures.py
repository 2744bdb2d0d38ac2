"""Pictures as a test reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

BLUE, ORANGE = (86, 180, 233), (230, 159, 0)


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def count_of(pixels: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((np.abs(pixels - color).max(axis=-1) <= 2).sum())
