"""A training as a line of moments, with the one that is looked at: a click or dragging goes to another one."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip

from tui.drawing.strips import fill
from tui.terminal.capabilities import ColorDepth
from tui.widgets.pointed import PointedWidget

NARROW = 60  # columns, below which the words stand alone
SHORTEST = 9  # cells of a track
# What is past, its moments, what is to come, its moments, and where one is.
LINE, ASCII_LINE = ("━", "┿", "─", "┼", "●"), ("=", "|", "-", "+", "O")
STANDS, PLAYS, STILLS = "; : moves, a plays", "a stops", "; : moves"  # what keys do


@dataclass(frozen=True)
class Track:
    """What to say of a moment, its place among `stops`, the last of which is now, and what was measured until then."""

    words: str
    place: int
    stops: int
    measured: str = ""
    room: int = 0  # cells for what was measured at any stop: the line keeps its place
    hint: str = STANDS


def lay_out_track(track: Track, width: int) -> tuple[int, int]:
    """Where the line begins and how many cells it has, 0 where there is no room for it."""
    left = len(track.words) + 3
    cells = width - left - 1 if width >= NARROW else 0
    for beside in (*_beside(track), ""):
        if cells - len(beside) - 2 >= SHORTEST:
            return left, min(cells - len(beside) - 2 * bool(beside), 4 * (track.stops - 1) + 1)
    return left, 0


def _beside(track: Track) -> tuple[str, str, str]:
    """What stands behind the line, and the same where there is less room."""
    measured = track.measured.ljust(track.room)
    return "   ".join(filter(None, (measured, track.hint))), measured, track.measured


def cell_of(place: int, stops: int, cells: int) -> int:
    """The cell of a stop."""
    return round(place * (cells - 1) / max(stops - 1, 1))


def place_at(cell: int, stops: int, cells: int) -> int:
    """The stop that is nearest to a cell, be it beside the line."""
    return min(max(round(cell * (stops - 1) / max(cells - 1, 1)), 0), stops - 1)


def draw_track(track: Track, width: int, base: Style, depth: ColorDepth) -> Strip:
    """One line of `width` cells: the words, the line where there is room for it, and what was measured."""
    left, cells = lay_out_track(track, width)
    strong, dim = base + Style(bold=True), base + Style(dim=True)
    segments = [Segment(f" {track.words}  ", strong)]
    if cells:
        here = cell_of(track.place, track.stops, cells)
        places = {cell_of(place, track.stops, cells) for place in range(track.stops)}
        past, past_moment, ahead, ahead_moment, cursor = ASCII_LINE if depth is ColorDepth.ASCII else LINE
        before = "".join(past_moment if cell in places else past for cell in range(here))
        after = "".join(ahead_moment if cell in places else ahead for cell in range(here + 1, cells))
        segments += [Segment(before, base), Segment(cursor, strong), Segment(after, dim)]
    rest = width - left - cells
    beside = next((each for each in _beside(track) if len(each) + 3 <= rest), "")
    segments.append(Segment(f"  {beside}", dim))
    return Strip(segments).adjust_cell_length(width, base)


class MomentTrack(PointedWidget):
    """Shows a track in one line."""

    DEFAULT_CSS = "MomentTrack { height: 1; }"

    @dataclass
    class Moved(Message):
        """Another place was chosen, or so many places further by the wheel."""

        place: int

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, MomentTrack.Moved)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._track: Track | None = None
        self._pointer = 0

    def show(self, track: Track | None) -> None:
        """Show this, or nothing."""
        if track != self._track:
            self._track = track
            self.redraw()

    def draw_strips(self, width: int, height: int, base: Style, depth: ColorDepth) -> list[Strip]:
        strips = [] if self._track is None else [draw_track(self._track, width, base, depth)]
        return fill(strips, width, height, base)

    def press(self, at: Offset) -> bool:
        self._pointer = at.x
        return self._go()

    def drag(self, right: int, down: int) -> None:
        self._pointer += right
        self._go()

    def turn(self, at: Offset, *, closer: bool, along_y: bool) -> bool:
        if self._track is None:
            return False
        self._choose(self._track.place + (-1 if closer else 1))
        return True

    def _go(self) -> bool:
        """Go to the stop that the pointer is at; whether there is one."""
        if self._track is None:
            return False
        left, cells = lay_out_track(self._track, self.size.width)
        if cells:
            self._choose(place_at(self._pointer - left, self._track.stops, cells))
        return bool(cells)

    def _choose(self, place: int) -> None:
        if self._track is not None and place != self._track.place and 0 <= place < self._track.stops:
            self.post_message(self.Moved(place))
