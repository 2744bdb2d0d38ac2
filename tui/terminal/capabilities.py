"""What a terminal shows: colours, ASCII only."""

import codecs
import os
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any

from textual.app import App


class ColorDepth(Enum):
    """What a terminal shows, best first; NONE is NO_COLOR, ASCII lacks block characters as well."""

    TRUECOLOR = "truecolor"
    EIGHT_BIT = "256"
    SIXTEEN = "standard"
    NONE = "none"
    ASCII = "ascii"


def color_depth(app: App[Any]) -> ColorDepth:
    """What the terminal shows that `app` draws on; ASCII for LC_ALL=C, TERM=dumb and encodings but UTF."""
    if is_ascii(os.environ, getattr(sys.__stderr__, "encoding", None) or "utf-8"):
        return ColorDepth.ASCII
    if app.no_color or app.console.color_system is None:
        return ColorDepth.NONE
    if app.console.color_system == "truecolor":
        return ColorDepth.TRUECOLOR
    if app.console.color_system == "256":
        return ColorDepth.EIGHT_BIT
    return ColorDepth.SIXTEEN


def is_ascii(environment: Mapping[str, str], encoding: str) -> bool:
    """Whether only ASCII may be drawn. `encoding` is that of stderr, which Textual writes to."""
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        return True
    # An unset locale counts as UTF-8 (PEP 540): containers leave it unset while their terminals are UTF-8.
    return (
        not codec.startswith("utf")
        or environment.get("TERM") in ("dumb", "unknown")
        or environment.get("LC_ALL") in ("C", "POSIX")
    )
