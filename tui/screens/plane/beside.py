"""Beside the plane: where the cursor is, the image nearest to it, and what decodes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from tui import formatting
from tui.widgets.bars import Lines
from tui.widgets.gallery import Gallery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.arrays import Images
    from core.explorer.results import LatentProjection


WIDTH, ROOM = 30, 29  # cells


class Beside(Vertical):
    """Two lines about the cursor, and below them three pictures."""

    DEFAULT_CSS = f"""
    Beside {{
        width: {WIDTH};
        padding: 0 0 0 1;
        & #cursor {{ height: 2; color: $text-muted; }}
        & #pair {{ height: 8; }}
        & #decoded {{ height: 1fr; }}
    }}
    """

    def compose(self) -> ComposeResult:
        yield Lines(id="cursor")
        yield Gallery(columns=2, id="pair")
        yield Gallery(columns=1, id="decoded")

    def show_nothing(self) -> None:
        """There is no plane."""
        self.query_one("#cursor", Lines).show(Text())
        self.query_one("#pair", Gallery).show_message("")
        self.say_instead("")

    def show_cursor(self, plane: LatentProjection, cursor: tuple[float, float], nearest: int | None) -> None:
        """Say where the cursor is, and of which image the nearest point is."""
        lines = [_placed("cursor", cursor)]
        if nearest is not None:
            lines.append(_placed(f"image {plane.indices[nearest]:,} at", plane.points[nearest]))
        self.query_one("#cursor", Lines).show(Text("\n".join(lines)))

    def show_pair(self, plane: LatentProjection, nearest: int, pair: tuple[Images, Images]) -> None:
        """Show the image of the nearest point, and its reconstruction."""
        label = int(plane.labels[nearest])
        named, number = formatting.class_title(label, plane.classes), formatting.class_number(label, plane.classes)
        only = f"nearest: {number}" if number else "nearest"
        caption = only if named == number else named  # there is no room for both
        self.query_one("#pair", Gallery).show(np.stack(pair)[:, None], [caption, "reconstructed"])

    def show_decoded(self, images: Images) -> None:
        """Show what decodes at the cursor, (1, 28, 28)."""
        self.query_one("#decoded", Gallery).show(images[:, None], ["decoded here"])

    def say_instead(self, why: str) -> None:
        """Say why nothing decodes at the cursor."""
        self.query_one("#decoded", Gallery).show_message(why)


def _placed(what: str, point: Iterable[float]) -> str:
    """With a place in as many digits as there is room for: numbers that hardly vary have exponents."""
    x, y = point
    lines = [f"{what} {x:.{digits}g}, {y:.{digits}g}" for digits in (3, 2, 1)]
    return next((line for line in lines if len(line) <= ROOM), f"{what} {x:.1g},{y:.1g}")
