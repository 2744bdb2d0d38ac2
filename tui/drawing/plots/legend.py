"""The lines above a plot: its title and what its curves are, in as many words as there is room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.drawing.plots.curves import LINES, Curve, Marker
from tui.drawing.plots.scales import SCALE_NAMES, SHORT_NAMES, Scale
from tui.terminal.capabilities import ColorDepth

PLAIN, TITLE = Style(), Style(bold=True)
MUTED = Style(dim=True)
FOCUSED = Style(bold=True, reverse=True)
LONGEST_NAME = 8  # where there is little room


@dataclass(frozen=True)
class Entry:
    """A curve in the legend, in words that get shorter."""

    texts: tuple[str, ...]
    style: Style

    def text(self, level: int) -> str:
        """The words where there is less room the higher the level is."""
        return self.texts[min(level, len(self.texts) - 1)]


def legend(titles: Sequence[str], entries: Sequence[Entry], width: int, lines: int, look: Style = TITLE) -> list[Strip]:
    """At most `lines` strips with title and entries, in the longest words with which all fit.

    Where none do, the first ones that fit, and how many more there are.
    """
    titles = [title for title in titles if title] or [""]
    for level in range(max((len(entry.texts) for entry in entries), default=1)):
        for title in titles:
            rows = _flow(title, [entry.text(level) for entry in entries], width, 2 if level == 0 else 1)
            if len(rows) <= lines:
                return _strips(title, rows, entries, width, look)
    for shown in range(len(entries) - 1, -1, -1):
        said = [*entries[:shown], Entry((f"+{len(entries) - shown} more",), MUTED)]
        rows = _flow(titles[-1], [entry.text(level) for entry in said], width, 1)
        if len(rows) <= lines:
            return _strips(titles[-1], rows, said, width, look)
    return _strips(titles[-1], rows[:lines], said, width, look)


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


def _strips(title: str, rows: Sequence[Row], entries: Sequence[Entry], width: int, look: Style) -> list[Strip]:
    strips = []
    for number, row in enumerate(rows):
        segments, end = [], 0
        if title and number == 0:
            segments, end = [Segment(title, look)], len(title)
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
    entries, clipped = [], _clipped(curves, depth)
    for curve, marker, style in zip(curves, looks, styles, strict=True):
        if not curve.label:
            continue
        sign = _sign(curve, marker, depth)
        label, short = f"{sign} {curve.label}", f"{sign} {curve.short or curve.label}"
        least = f"{sign[len(sign) // 2]} {clipped[curve.short or curve.label]}"
        if curve.best is None:
            entries.append(Entry((label, short, least), style + Style(dim=curve.dim and curve.place is None)))
            continue
        y = float(curve.y[curve.best])
        best = f"{star} best {y:.4g} at {curve.best_at}"
        shorter = (f"{short}  {star} {y:.4g}, {curve.best_at}", f"{short} {star} {y:.4g}", short, least)
        entries.append(Entry((f"{label}  {best}", *shorter), style))
    return entries + _notes(curves, scale, depth)


def _notes(curves: Sequence[Curve], scale: Scale, depth: ColorDepth) -> list[Entry]:
    """What a band is, and which scale is not the usual one."""
    shade = "::" if depth is ColorDepth.ASCII else "░░"
    texts: list[tuple[str, ...]] = [(SCALE_NAMES[scale], SHORT_NAMES[scale])] if SCALE_NAMES[scale] else []
    if any(curve.band is not None for curve in curves):
        texts = [(f"{shade} smallest to largest of the seeds", f"{shade} min to max", shade), *texts]
    return [Entry(each, MUTED) for each in texts]


def reading_entries(
    curves: Sequence[Curve],
    looks: Sequence[Marker],
    styles: Sequence[Style],
    cursor: float,
    scale: Scale,
    depth: ColorDepth,
) -> list[Entry]:
    """The legend with the value of each curve at the cursor; what runs have trained and validated together."""
    entries: dict[object, Entry] = {}
    clipped = _clipped(curves, depth)
    for index, (curve, marker, style) in enumerate(zip(curves, looks, styles, strict=True)):
        sign = _sign(curve, marker, depth)
        long, short = _value(curve, cursor, depth, with_band=True), _value(curve, cursor, depth)
        key = index if curve.place is None else ("of a run", curve.place)
        if before := entries.get(key):
            whole, named, in_short, bare, least = before.texts
            both = f"{whole} val {long}", f"{named} val {short}", f"{in_short}/{short}", f"{bare} val {short}"
            entries[key] = Entry((*both, f"{least}/{short}"), before.style)
            continue
        role = "train " if curve.place is not None and curve.dim else ""
        label, brief = curve.label, curve.short or curve.label
        names = (f"{label} {role}".lstrip(), f"{brief} {role}".lstrip())
        mark = sign[len(sign) // 2]
        in_words = f"{sign} {names[0]}{long}", f"{sign} {names[1]}{short}", f"{mark} {clipped[brief]} {short}"
        texts = (*in_words, f"{sign} {short}", f"{mark}{short}")
        entries[key] = Entry(texts, style + Style(dim=curve.dim and curve.place is None))
    return [*entries.values(), *_notes(curves, scale, depth)]


def _value(curve: Curve, cursor: float, depth: ColorDepth, *, with_band: bool = False) -> str:
    """The value of a curve at the cursor, in words."""
    index = curve.nearest(cursor)
    if index is None:
        return "-" if depth is ColorDepth.ASCII else "–"
    value = f"{curve.y[index]:.4g}"
    if curve.band is not None and with_band:
        return f"{value} ({curve.band[0][index]:.4g} to {curve.band[1][index]:.4g})"
    return value


def _clipped(curves: Sequence[Curve], depth: ColorDepth) -> Mapping[str, str]:
    """A short form of each name, no two of them the same."""
    names = dict.fromkeys(curve.short or curve.label for curve in curves)
    return clip(tuple(names), "~" if depth is ColorDepth.ASCII else "…")


@lru_cache(16)
def clip(names: tuple[str, ...], between: str) -> Mapping[str, str]:
    """Names with their beginnings and ends only, as much of either as tells them apart, and no more than that."""
    signs = zip(*(name for name in names if len(name) > LONGEST_NAME), strict=False)
    alike = next((place for place, here in enumerate(signs) if len({*here}) > 1), 0)
    for length in range(LONGEST_NAME, max(map(len, names), default=0)):
        # Both ends, the beginning, where they begin to differ, the end.
        for start, head in ((0, 3), (0, length - 1), (alike, length - 1), (0, 0)):
            clipped = {name: _cut(name, length, start, head, between) for name in names}
            if len({*clipped.values()}) == len(names):
                return clipped
    return {name: name for name in names}


def _cut(name: str, length: int, start: int, head: int, between: str) -> str:
    """So many signs of a name from its start on, and its last ones, as a word of that length."""
    if len(name) <= length:
        return name
    if start:
        return f"{between}{name[start : start + head]}"
    return f"{name[:head]}{between}{name[len(name) - (length - 1 - head) :]}"


def _sign(curve: Curve, marker: Marker, depth: ColorDepth) -> str:
    if depth is not ColorDepth.ASCII:
        return marker.legend
    if curve.place is not None:
        return f"{LINES[curve.place % len(LINES)].ascii}{marker.ascii}"
    return {"line": 2 * marker.ascii, "marked": f"+{marker.ascii}+", "points": marker.ascii}[curve.style]


def star_of(depth: ColorDepth) -> str:
    """The sign of the best value."""
    return "^" if depth is ColorDepth.ASCII else "★"
