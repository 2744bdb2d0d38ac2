"""Which part of the axes is seen, and where the cursor is: zooming and panning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tui.drawing.plots.axes import Range, can_be_drawn

ZOOM = 0.7  # of what was seen before
PAN = 0.25  # of what is seen
CLOSEST = 1e-6  # of the whole
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
BETWEEN = r"(?:\s*(?:\.\.|to|[,:;–])\s*|-|\s+-\s+|\s+)"  # a dash after a space belongs to the number behind it
RANGE = re.compile(rf"\s*(?:([xy])\s*[=:]?\s*)?({NUMBER}){BETWEEN}({NUMBER})\s*[,;]?\s*")
HOW_TO_TYPE = "10 20 (or 10-20, 10:20, 10,20) for x, y 17 25 for y, or both; nothing shows the whole"


@dataclass(frozen=True)
class Window:
    """A range of x, which all charts share, or None to follow the run; ranges of y by chart; the cursor on x."""

    x: Range | None = None
    y: Mapping[str, Range] = field(default_factory=dict)
    cursor: float | None = None

    def zoom_x(self, factor: float, about: float, shown: Range, whole: Range) -> Window:
        """See so many times as much of x around a value, at most the whole."""
        low, high = (about + (edge - about) * factor for edge in shown)
        if high - low >= whole[1] - whole[0]:
            return replace(self, x=None)
        if high - low < CLOSEST * (whole[1] - whole[0]):
            return self
        return replace(self, x=_moved_into((low, high), whole))

    def pan_x(self, by: float, shown: Range, whole: Range) -> Window:
        """Move by a part of what is seen, not beyond the whole."""
        distance = by * (shown[1] - shown[0])
        return replace(self, x=_moved_into((shown[0] + distance, shown[1] + distance), whole))

    def with_y(self, chart: str, shown: Range) -> Window:
        """See this range of a chart's y, unless it is too large or too small."""
        return replace(self, y={**self.y, chart: shown}) if can_be_drawn(shown) else self

    def at(self, cursor: float | None) -> Window:
        """The cursor elsewhere, or gone."""
        return replace(self, cursor=cursor)


def zoomed(shown: Range, factor: float) -> Range:
    """So many times the range around its middle."""
    middle, half = (shown[0] + shown[1]) / 2, (shown[1] - shown[0]) / 2 * factor
    return (middle - half, middle + half) if half > 0 else shown


def panned(shown: Range, by: float) -> Range:
    """The range moved by a part of itself."""
    distance = by * (shown[1] - shown[0])
    return shown[0] + distance, shown[1] + distance


def _moved_into(shown: Range, whole: Range) -> Range:
    """As much, moved to where it does not go beyond the whole."""
    shift = max(whole[0] - shown[0], 0.0) + min(whole[1] - shown[1], 0.0)
    return shown[0] + shift, shown[1] + shift


def parse_ranges(text: str) -> dict[str, Range]:
    """The ranges that were typed, by axis; none for nothing. Raises ValueError with what would be right."""
    ranges: dict[str, Range] = {}
    place = 0
    while place < len(text.strip()):
        found = RANGE.match(text.strip(), place)
        if found is None:
            raise ValueError(HOW_TO_TYPE)
        low, high = sorted((float(found[2]), float(found[3])))
        if low == high:
            raise ValueError(f"a range from {found[2]} to {found[3]} is empty")
        if not can_be_drawn((low, high)):
            raise ValueError(f"a range from {found[2]} to {found[3]} is too large or too small to be drawn")
        ranges[found[1] or "x"] = (low, high)
        place = found.end()
    return ranges
