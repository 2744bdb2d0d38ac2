"""The last guard of the terminal: whatever a line holds, no control character of it is sent."""

import re
from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Control characters, and those that change the direction of what follows.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@lru_cache(4096)
def harmless(text: str) -> str:
    """The text with a sign in place of each character that a terminal would obey."""
    return OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


class Harmless(LineFilter):
    """Makes every line harmless that is about to be shown."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [segment if segment.control else Segment(harmless(segment.text), segment.style) for segment in segments]
