"""A grid of cells, each a character and a style, that is drawn over before it becomes strips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

PLAIN = Style()


class Cells:
    """`height` lines of `width` cells."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._characters = [[" "] * width for _ in range(height)]
        self._styles = [[PLAIN] * width for _ in range(height)]

    def copy(self) -> Cells:
        """The same cells, to be drawn over."""
        other = Cells(0, 0)
        other.width, other.height = self.width, self.height
        other._characters = [line[:] for line in self._characters]
        other._styles = [line[:] for line in self._styles]
        return other

    def put(self, x: int, y: int, text: str, style: Style) -> None:
        """Write over the cells from (x, y) on; what lies outside is left out."""
        if 0 <= y < self.height:
            for place, character in enumerate(text, x):
                if 0 <= place < self.width:
                    self._characters[y][place], self._styles[y][place] = character, style

    def is_blank(self, x: int, y: int, length: int = 1) -> bool:
        """Whether all of these cells are there and empty."""
        if not (0 <= y < self.height and x >= 0 and x + length <= self.width):
            return False
        return set(self._characters[y][x : x + length]) <= {" "}

    def shade(self, x: int, y: int, style: Style, character: str = " ") -> None:
        """Add to the style of a cell; where it is empty, put the character there."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._styles[y][x] += style
            if self._characters[y][x] == " ":
                self._characters[y][x] = character

    def strips(self) -> list[Strip]:
        """The lines."""
        strips = []
        for characters, styles in zip(self._characters, self._styles, strict=True):
            segments, start = [], 0
            for style, run in groupby(_kept_over_blanks(characters, styles)):
                stop = start + len(list(run))
                segments.append(Segment("".join(characters[start:stop]), style))
                start = stop
            strips.append(Strip(segments, self.width))
        return strips


def _kept_over_blanks(characters: Sequence[str], styles: Sequence[Style]) -> list[Style]:
    """The styles, where nothing is drawn that of the cell before, which saves escape codes."""
    kept, before = [], PLAIN
    for character, style in zip(characters, styles, strict=True):
        if character != " " or style is not PLAIN:
            before = style if style.bgcolor is None else PLAIN
            kept.append(style)
        else:
            kept.append(before)
    return kept
