"""What plot and picture share: a terminal's colours, and a widget that repaints only changed cells."""

import codecs
import os
import sys
from abc import abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


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


def message_strips(message: str, width: int, height: int) -> list[Strip]:
    """`height` strips of `width` cells, blank but for `message`, dim, in the middle and cropped to fit."""
    strips = [Strip.blank(width, Style())] * height
    if message and width and height:
        strips[(height - 1) // 2] = Strip([Segment(message[:width].center(width), Style(dim=True))], width)
    return strips


def changed_cells(old: Strip, new: Strip) -> tuple[int, int] | None:
    """First and one past the last cell in which two strips of one length differ, None if they are equal."""
    if old == new:
        return None
    before, after = _cells(old), _cells(new)
    if not len(before) == len(after) == new.cell_length:  # wide characters: take the line
        return 0, new.cell_length
    changed = [x for x, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    return (changed[0], changed[-1] + 1) if changed else None


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]


class StripWidget(Widget):
    """Serves strips that `draw_strips` prepared once; `redraw` repaints only what differs from last time."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    StripWidget {
        width: 1fr;
        height: 1fr;
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(name=name, id=id, classes=classes)
        self._strips: list[Strip] = []
        self._drawn_for: tuple[int, int, Style, ColorDepth] | None = None

    @abstractmethod
    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        """The `height` lines of the widget, each of `width` cells."""

    def redraw(self) -> None:
        """Draw again after the data changed and refresh the cells that are different now, if any."""
        if self._drawn_for is None or self._drawn_for != self._look():
            self._drawn_for = None
            self.refresh()
            return
        before, self._strips = self._strips, self.draw_strips(*self._drawn_for)
        regions = []
        for y, (old, new) in enumerate(zip(before, self._strips, strict=True)):
            if span := changed_cells(old, new):
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        if regions:
            self.refresh(*regions)

    def render_lines(self, crop: Region) -> list[Strip]:
        look = self._look()
        if self._drawn_for != look:
            self._strips, self._drawn_for = self.draw_strips(*look), look
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _look(self) -> tuple[int, int, Style, ColorDepth]:
        return self.size.width, self.size.height, self.rich_style, color_depth(self.app)
