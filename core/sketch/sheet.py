"""A sheet that is drawn on: its ink, and which of its pixels are hidden from the model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from core.arrays import Bools, Images
from core.shapes import IMAGE_SHAPE
from core.sketch.canvas import EMPTY, Point, covered, draw

Tool = Literal["pencil", "rubber", "cover"]
TOOLS: tuple[Tool, ...] = get_args(Tool)
Half = Literal["lower", "right", "upper", "left"]
HALVES: tuple[Half, ...] = get_args(Half)
NOTHING: Bools = np.zeros(IMAGE_SHAPE, bool)
BROADER = {"pencil": 0.0, "rubber": 1.0, "cover": 2.0}  # pixels that a tool is wider than the brush


@dataclass(frozen=True, eq=False)
class Sheet:
    """Ink (28, 28) in [0, 1], and which pixels are hidden, bool (28, 28): what is under the cover stays there."""

    ink: Images = field(default_factory=lambda: EMPTY)
    hidden: Bools = field(default_factory=lambda: NOTHING)

    def stroked(self, tool: Tool, start: Point, end: Point, width: float) -> Sheet:
        """After a straight stroke: what is drawn or rubbed is seen again, what is covered is hidden."""
        broad = width + BROADER[tool]
        under = covered(IMAGE_SHAPE, start, end, broad) >= 0.5
        if tool == "cover":
            return replace(self, hidden=self.hidden | under)
        return Sheet(draw(self.ink, start, end, broad, erase=tool == "rubber"), self.hidden & ~under)

    @property
    def half(self) -> Half | None:
        """The half that is hidden, if it is one."""
        return next((half for half in HALVES if np.array_equal(self.hidden, pixels_of(half))), None)

    def with_next_half(self) -> Sheet:
        """With the next half hidden in place of what was; after the last one with nothing hidden."""
        place = HALVES.index(self.half) + 1 if self.half else 0
        return replace(self, hidden=pixels_of(HALVES[place]) if place < len(HALVES) else NOTHING)


def pixels_of(half: Half) -> Bools:
    """Which pixels are of a half, bool (28, 28)."""
    rows, columns = np.indices(IMAGE_SHAPE)
    middle_row, middle_column = (size // 2 for size in IMAGE_SHAPE)
    of = {"lower": rows >= middle_row, "right": columns >= middle_column}
    of |= {"upper": ~of["lower"], "left": ~of["right"]}
    pixels: Bools = of[half]
    return pixels
