"""What a terminal can show: how many colours, and whether anything but ASCII."""

import codecs
import os
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any, TextIO

from rich.console import Console
from textual.app import App


class ColorDepth(Enum):
    """What a terminal shows, best first; NONE is NO_COLOR, ASCII lacks block characters as well."""

    TRUECOLOR = "truecolor"
    EIGHT_BIT = "256"
    SIXTEEN = "standard"
    NONE = "none"
    ASCII = "ascii"

    @property
    def has_colors(self) -> bool:
        return self not in (ColorDepth.NONE, ColorDepth.ASCII)

    @property
    def has_shades(self) -> bool:
        """Whether there are enough colours for greys and shades: 256 or more."""
        return self in (ColorDepth.TRUECOLOR, ColorDepth.EIGHT_BIT)


def color_depth(app: App[Any]) -> ColorDepth:
    """The colours of the terminal that `app` runs in; Textual draws on stderr."""
    return color_depth_of(app.console, sys.__stderr__, no_color=app.no_color)


def color_depth_of(console: Console, stream: TextIO | None, *, no_color: bool) -> ColorDepth:
    """The colours of a console that writes to `stream`; ASCII for LC_ALL=C, TERM=dumb and encodings other than UTF."""
    if is_ascii(os.environ, getattr(stream, "encoding", None) or "utf-8"):
        return ColorDepth.ASCII
    if no_color or console.color_system is None:
        return ColorDepth.NONE
    depths = {"truecolor": ColorDepth.TRUECOLOR, "256": ColorDepth.EIGHT_BIT}
    return depths.get(console.color_system, ColorDepth.SIXTEEN)


def is_ascii(environment: Mapping[str, str], encoding: str) -> bool:
    """Whether only ASCII may be drawn. `encoding` is that of the stream that is drawn on."""
    return bool(why_ascii(environment, encoding))


def why_ascii(environment: Mapping[str, str], encoding: str) -> tuple[str, ...]:
    """What says that only ASCII may be drawn: the encoding itself, TERM, LC_ALL, in words; none where all may be."""
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        codec = ""
    # An unset locale counts as UTF-8 (PEP 540): containers leave it unset while their terminals are UTF-8.
    forbidding = {"TERM": ("dumb", "unknown"), "LC_ALL": ("C", "POSIX")}
    named = [f"{name} is {environment[name]}" for name, plain in forbidding.items() if environment.get(name) in plain]
    return (*([] if codec.startswith("utf") else [f"the encoding is {encoding}"]), *named)
