"""Images that need no data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.arrays import Floats, Images, Labels


def rings(inner: Floats | Labels | Sequence[float], thickness: float = 0.15) -> Images:
    """Images (N, 28, 28) of one ring each, of these radii; 1 is the radius of the image."""
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    radius = np.hypot(x, y)
    images: Images = (np.abs(radius - np.asarray(inner)[:, None, None]) < thickness).astype(np.float32)
    return images


def dimmed(images: Images, brightness: float) -> Images:
    """Images as bright as that fraction."""
    return images * np.float32(brightness)
