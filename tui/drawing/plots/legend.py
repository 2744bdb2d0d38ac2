"""The lines above a plot: its title and what its curves are, in as many words as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.drawing.plots.curves import LINES, Curve, Marker
from tui.drawing.plots.scales import SCALE_NAMES, Scale
from tui.terminal.capabilities import ColorDepth

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


def legend_entries(
    curves: Sequence[Curve],
    looks: Sequence[Marker],
    styles: Sequence[Style],
    scale: Scale,
    depth: ColorDepth,
) -> list[Entry]:
    """What the curves are, which value is the best, and which scale is not the usual one."""
    star = star_of(depth)
    entries = []
    for curve, marker, style in zip(curves, looks, styles, strict=True):
        if not curve.label:
            continue
        sign = _sign(curve, marker, depth)
        label, short = f"{sign} {curve.label}", f"{sign} {curve.short or curve.label}"
        if curve.best is None:
            entries.append(Entry((label, short), style))
            continue
        y = float(curve.y[curve.best])
        best = f"{star} best {y:.4g} at {curve.best_at}"
        shorter = (f"{short}  {star} {y:.4g}, {curve.best_at}", f"{short} {star} {y:.4g}", short)
        entries.append(Entry((f"{label}  {best}", *shorter), style))
    return entries + _notes(curves, scale, depth)


def _notes(curves: Sequence[Curve], scale: Scale, depth: ColorDepth) -> list[Entry]:
    """What a band is, and which scale is not the usual one."""
    shade = "::" if depth is ColorDepth.ASCII else "░░"
    texts: list[tuple[str, ...]] = [(SCALE_NAMES[scale],)] if SCALE_NAMES[scale] else []
    if any(curve.band is not None for curve in curves):
        texts = [(f"{shade} smallest to largest of the seeds", f"{shade} min to max", shade), *texts]
    return [Entry(each, Style(dim=True)) for each in texts]


def reading_entries(
    curves: Sequence[Curve],
    looks: Sequence[Marker],
    styles: Sequence[Style],
    cursor: float,
    scale: Scale,
    depth: ColorDepth,
) -> list[Entry]:
    """The legend with the value of each curve at the cursor."""
    entries = []
    for curve, marker, style in zip(curves, looks, styles, strict=True):
        index = curve.nearest(cursor)
        value = "–" if index is None else f"{curve.y[index]:.4g}"
        if depth is ColorDepth.ASCII and index is None:
            value = "-"
        if curve.band is not None and index is not None:
            value = f"{value} ({curve.band[0][index]:.4g} to {curve.band[1][index]:.4g})"
        sign = _sign(curve, marker, depth)
        least = f"{sign[len(sign) // 2]}{value}"
        labels = [label for label in (curve.label, curve.short or curve.label) if label]
        texts = (*(f"{sign} {label} {value}" for label in labels), *([f"{sign} {value}"] if labels else []), least)
        entries.append(Entry(texts, style))
    return entries + _notes(curves, scale, depth)


def _sign(curve: Curve, marker: Marker, depth: ColorDepth) -> str:
    if depth is not ColorDepth.ASCII:
        return marker.legend
    if curve.place is not None:
        return f"{LINES[curve.place % len(LINES)].ascii}{marker.ascii}"
    return {"line": 2 * marker.ascii, "marked": f"+{marker.ascii}+", "points": marker.ascii}[curve.style]


def star_of(depth: ColorDepth) -> str:
    """The sign of the best value."""
    return "^" if depth is ColorDepth.ASCII else "★"
