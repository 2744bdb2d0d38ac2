"""The last guard of the terminal: no control character reaches it, and ASCII only where it knows no more."""

import re
from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Each sign for one that means the same and is as wide; borders and bars of any kind become lines.
SIGNS = str.maketrans(
    {
        **dict.fromkeys("─━═╌┄▔▁▂▃▄▅▆▇▀╴╶╸╺", "-"),
        **dict.fromkeys("│┃║▏▎▍▌▋▊▉▐▕", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╋┏┓┗┛┣┫", "+"),
        **dict.fromkeys("█▓", "#"),
        **dict.fromkeys("▒░", ":"),
        **dict(zip("▶▸►◀◂▲△▼▽●◆■‖✓✗≠–—…·•←→↑↓⏎↵σ⬆⬇±é", ">>><<^^vvo*#=vx!--~..<>^v<<s^v~e", strict=True)),
    }
)


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """The text in ASCII, one character for each; what has no counterpart becomes a question mark."""
    return text if text.isascii() else text.translate(SIGNS).encode("ascii", "replace").decode()


class AsciiFilter(LineFilter):
    """Turns every line that is about to be shown into ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [segment if segment.control else Segment(in_ascii(segment.text), segment.style) for segment in segments]


# Control characters, and those that change the direction of what follows.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@lru_cache(4096)
def harmless(text: str) -> str:
    """The text with a sign in place of each character that a terminal would obey."""
    return OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


class ControlCharacterFilter(LineFilter):
    """Makes every line harmless that is about to be shown."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [segment if segment.control else Segment(harmless(segment.text), segment.style) for segment in segments]
