"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS, ASCII = "▁▂▃▄▅▆▇█", "_.,-=+*#"
LEFT_OUT = 0.05  # of the highest values, which would flatten the others


def sparkline(values: Sequence[float], width: int, *, ascii_only: bool = False) -> str:
    """The values from the lowest to the highest but for a few outliers, each cell the last of those it stands for."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite or width < 1:
        return ""
    count = min(width, len(finite))
    shown = [finite[(cell + 1) * len(finite) // count - 1] for cell in range(count)]
    low, high = min(shown), sorted(shown)[max(0, math.ceil(len(shown) * (1 - LEFT_OUT)) - 1)]
    signs = ASCII if ascii_only else BLOCKS
    span = (high - low) or 1.0
    return "".join(signs[min(len(signs) - 1, int((value - low) / span * (len(signs) - 0.01)))] for value in shown)
