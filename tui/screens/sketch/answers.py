"""The answers to what is hidden of a digit, after what the model sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.style import Style
from textual.strip import Strip

from core.arrays import Images
from core.sketch.sheet import NOTHING, Sheet
from tui.drawing.images import hatched
from tui.drawing.tiles import FINER_SCALES
from tui.screens.sketch.paper import covered
from tui.terminal.capabilities import ColorDepth
from tui.widgets.gallery import Gallery


def pictures(sheet: Sheet, answers: Images) -> Images:
    """What the model sees, with stripes where it is hidden, and its answers: (1 + N, 28, 28)."""
    return np.concatenate([hatched(sheet.ink, sheet.hidden)[None], answers])


class Answers(Gallery):
    """Hatches what is hidden of the first tile with the sign that the sheet has for it, which is none of ink."""

    SCALES: ClassVar = FINER_SCALES
    _hidden = NOTHING

    def show_answers(self, sheet: Sheet, answers: Images, captions: Sequence[str], selected: int) -> None:
        """Show answers (N, 28, 28), each with its caption, one of them selected; 0 is what the model sees."""
        self._hidden = sheet.hidden
        self.show(pictures(sheet, answers)[:, None], ["what it sees", *captions], selected)

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        strips = super().draw_strips(width, height, base, depth)
        tiling = self.tiling((1, *self._hidden.shape))
        if self._tiles is None or tiling is None:
            return strips
        up, down = tiling.scale
        hidden = self._hidden.repeat(up, axis=0).repeat(up, axis=1)[::down, ::down]
        hidden = np.pad(hidden, ((0, len(hidden) % 2), (0, 0)))
        lines, wide = len(hidden) // 2, hidden.shape[1]
        first = covered([strip.crop(0, wide) for strip in strips[:lines]], hidden, 1, base, depth)
        joined = [Strip.join([tile, strip.crop(wide)]) for tile, strip in zip(first, strips, strict=False)]
        return joined + strips[lines:]
