"""The lines above a plot: its title and what its curves are, in as many words as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

PLAIN, TITLE = Style(), Style(bold=True)


@dataclass(frozen=True)
class Entry:
    """A curve in the legend, in words that get shorter."""

    texts: tuple[str, ...]
    style: Style

    def text(self, level: int) -> str:
        """The words where there is less room the higher the level is."""
        return self.texts[min(level, len(self.texts) - 1)]


def legend(titles: Sequence[str], entries: Sequence[Entry], width: int, lines: int) -> list[Strip]:
    """At most `lines` strips with title and entries, in the longest words with which all fit; else those that fit."""
    titles = [title for title in titles if title]
    for level in range(max((len(entry.texts) for entry in entries), default=1)):
        for title in titles or [""]:
            rows = _flow(title, [entry.text(level) for entry in entries], width, 2 if level == 0 else 1)
            if len(rows) <= lines:
                return _strips(title, rows, entries, width)
    return _strips(title, rows[:lines], entries, width)


Row = list[tuple[int, int, str]]  # the entry, where it begins, and its words


def _flow(title: str, texts: Sequence[str], width: int, gap: int) -> list[Row]:
    """The entries in rows, the first of which begins with the title."""
    rows: list[Row] = [[]]
    x = len(title) + gap if title else 0
    for index, text in enumerate(texts):
        if x + len(text) > width and x:
            rows.append([])
            x = 0
        rows[-1].append((index, x, text))
        x += len(text) + gap
    return rows


def _strips(title: str, rows: Sequence[Row], entries: Sequence[Entry], width: int) -> list[Strip]:
    strips = []
    for number, row in enumerate(rows):
        segments, end = [], 0
        if title and number == 0:
            segments, end = [Segment(title, TITLE)], len(title)
        for index, x, text in row:
            segments += [Segment(" " * (x - end), PLAIN), Segment(text, entries[index].style)]
            end = x + len(text)
        strips.append(Strip([segment for segment in segments if segment.text]).adjust_cell_length(width, PLAIN))
    return strips
