"""Filters of every line on its way to the terminal: no control characters, and only ASCII where it knows no more."""

import re
from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from core.text import to_ascii


class AsciiFilter(LineFilter):
    """Turns every line into ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [segment if segment.control else Segment(to_ascii(segment.text), segment.style) for segment in segments]


# Control characters, and those that change the direction of the text after them.
CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@lru_cache(4096)
def without_control_characters(text: str) -> str:
    """The text with a replacement character for each one that a terminal would act on."""
    return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)


class ControlCharacterFilter(LineFilter):
    """Takes control characters out of every line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if not CONTROL_CHARACTERS.search("".join([segment.text for segment in segments])):
            return segments
        return [
            segment if segment.control else Segment(without_control_characters(segment.text), segment.style)
            for segment in segments
        ]


# The same ones for every line: Textual keeps what each of them made of a line, and how that is written to the terminal.
FILTERS = (ControlCharacterFilter(),)
ASCII_FILTERS = (*FILTERS, AsciiFilter())
