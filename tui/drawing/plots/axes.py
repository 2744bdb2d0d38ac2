"""The axes of a plot: round limits, short tick labels, and the frame around the canvas."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil, floor, log10
from typing import Literal

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.terminal.capabilities import ColorDepth

Range = tuple[float, float]
Ticks = dict[float, str]  # value -> label
FRAME = Style(dim=True)
NARROWEST, LOWEST = 20, 5  # a smaller plot has no room for axes
DIGITS = 7  # of a label, as many as float32 tells apart
LARGEST = 1e150  # the margins of a logarithmic axis overflow far beyond
CALENDAR = (-62e9, 253e9)  # seconds since 1970 whose year has up to four digits


def can_be_drawn(shown: Range) -> bool:
    """Whether the ends are neither too large nor too close for an axis."""
    low, high = shown
    return low >= -LARGEST and high <= LARGEST and high - low > _closest(low, high)


def values_of(logarithms: Range) -> Range:
    """The range of values from one logarithm to another, as far as it can be drawn."""
    most = log10(LARGEST)
    low, high = (10 ** min(max(end, -most), most) for end in logarithms)
    return low, high


def _closest(low: float, high: float) -> float:
    """What floats between two ends do not tell apart."""
    return max(1e-12 * max(abs(low), abs(high)), 1e-300)


def linear_ticks(low: float, high: float, count: int) -> tuple[Range, Ticks]:
    """Round limits around [low, high], which stay while it grows a little, and about `count` ticks.

    No two have the same label: where that would need more than DIGITS there are fewer.
    """
    largest = max(abs(low), abs(high))
    if high - low <= _closest(low, high):
        margin = 0.1 * largest if largest > 1e-290 else 1.0
        low, high = low - margin, high + margin
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10, 20) if factor * power >= raw * (1 - 1e-9))
    unit = step / 2 if count > 2 else step
    bottom, top = floor(low / unit + 1e-9) * unit, ceil(high / unit - 1e-9) * unit
    values = [index * step for index in range(ceil(bottom / step - 1e-9), floor(top / step + 1e-9) + 1)]
    first_with = {label: value for value, label in reversed([*zip(values, _labels(values, step), strict=True)])}
    return (bottom, top), {value: label for label, value in reversed(first_with.items())}


def log_ticks(low: float, high: float, count: int) -> tuple[Range, Ticks]:
    """The same for base-10 logarithms: limits and positions of ticks are logarithms, labels are not."""
    if high - low < 0.5:
        (bottom, top), ticks = linear_ticks(10**low, 10**high, count)
        inside = {log10(value): label for value, label in ticks.items() if value > 0}
        return (log10(bottom) if bottom > 0 else low, log10(top)), inside
    exponents = range(floor(low) - 1, ceil(high) + 1)
    grid = [exponent + log10(digit) for exponent in exponents for digit in (1, 2, 5)]
    bottom = max(value for value in grid if value <= low + 1e-9)
    top = min(value for value in [*grid, ceil(high)] if value >= high - 1e-9)
    chosen = [value for value in grid if bottom <= value <= top]
    if len(chosen) > 2 * count:
        decades = [value for value in chosen if value == round(value)]
        chosen = decades[:: ceil(len(decades) / count)]
    return (bottom, top), {value: _short(10**value) for value in chosen}


def _short(value: float) -> str:
    if 1e-3 <= value < 1e5:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _labels(values: Sequence[float], step: float) -> list[str]:
    """Labels in one format, with just enough digits to tell neighbours apart."""
    largest = max(map(abs, values))
    most = max(4, DIGITS - floor(log10(largest))) if largest >= 1e-2 else 4
    decimals = next((n for n in range(most + 1) if abs(round(step, n) - step) < 1e-6 * step), None)
    if largest < 1e5 and decimals is not None:
        return [f"{value + 0.0:.{decimals}f}" for value in values]
    power = floor(log10(step) + 1e-9)
    half = round(step / 10.0**power, 6) % 1 > 0
    digits = min(DIGITS - 1, max(0, floor(log10(largest)) - power) + half)
    parts = [f"{value:.{digits}e}".split("e") for value in values]
    return [f"{mantissa}e{int(exponent)}" if float(mantissa) else "0" for mantissa, exponent in parts]


def y_axis(low: float, high: float, rows: int, *, log_scale: bool = False) -> tuple[Range, Ticks]:
    """Limits and ticks of a y axis over so many rows: at least three ticks in rows of their own, given three rows."""
    wanted = max(3, (rows + 1) // 4)
    limits, ticks = found = (log_ticks if log_scale else linear_ticks)(low, high, wanted)
    for count in range(wanted, wanted + 8):
        limits, ticks = (log_ticks if log_scale else linear_ticks)(low, high, count)
        if len(place(ticks, limits[1], limits[0], rows)) >= min(3, rows):
            return limits, ticks
    return found


def y_ticks_within(low: float, high: float, rows: int, *, log_scale: bool = False) -> Ticks:
    """Ticks of a y axis whose limits are given."""
    wanted = max(3, (rows + 1) // 4)
    ticks: Ticks = {}
    for count in range(wanted, wanted + 8):
        _, ticks = (log_ticks if log_scale else linear_ticks)(low, high, count)
        ticks = {value: label for value, label in ticks.items() if low - 1e-9 <= value <= high + 1e-9}
        if len(place(ticks, high, low, rows)) >= min(3, rows):
            break
    return ticks


XUnit = Literal["number", "duration", "clock"]  # seconds, or seconds since 1970
MINUTE, HOUR, DAY = 60, 3600, 86400
TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 5, 10, 20, 50, 100)),
)


def time_ticks(low: float, high: float, count: int, unit: XUnit) -> Ticks:
    """About `count` ticks between given limits in seconds, at round times; below a second as numbers are."""
    wanted = (high - low) / count
    step = next((step for step in TIME_STEPS if step >= wanted), None)
    if wanted < 1 or step is None or (unit == "clock" and not CALENDAR[0] < low < high < CALENDAR[1]):
        return ticks_within(low, high, count)
    # Round on the clock of the wall, whose hours and days need not begin with those of the epoch.
    offset = (datetime.fromtimestamp(low).astimezone().utcoffset() or timedelta()) if unit == "clock" else timedelta()
    shift = offset.total_seconds()
    values = [n * step - shift for n in range(ceil((low + shift) / step), floor((high + shift) / step) + 1)]
    if unit == "duration":
        return {value: _duration(round(value)) for value in values}
    form = "%H:%M:%S" if step < MINUTE else "%H:%M" if high - low < DAY else "%d %b"
    return {value: datetime.fromtimestamp(value).strftime(form) for value in values}


def _duration(seconds: int) -> str:
    days, hours, minutes = seconds // DAY, seconds % DAY // HOUR, seconds % HOUR // MINUTE
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds % MINUTE, "s"))
    return " ".join(f"{value}{unit}" for value, unit in parts if value) or "0"


def x_ticks(low: float, high: float, columns: int, unit: XUnit = "number") -> Ticks:
    """Ticks of an x axis over so many columns: at least three whose labels fit, where there is room for three."""
    best: Ticks = {}
    wanted = max(3, columns // 12)
    for count in range(wanted, wanted + 8):
        ticks = ticks_within(low, high, count) if unit == "number" else time_ticks(low, high, count, unit)
        if columns > 1 and ticks and len(_fitting(place(ticks, low, high, columns), 0, columns)) == len(ticks):
            best = ticks if len(ticks) > len(best) else best
        if len(best) >= 3:
            break
    return best or ticks_within(low, high, 1)


def place(ticks: Ticks, start: float, end: float, cells: int) -> dict[int, str]:
    """The cell of each tick on an axis of `cells` cells from value `start` to `end`."""
    return {round((value - start) / (end - start) * (cells - 1)): label for value, label in ticks.items()}


def ticks_within(low: float, high: float, count: int) -> Ticks:
    """About `count` ticks between given limits."""
    if high <= low:
        return {}
    _, ticks = linear_ticks(low, high, count)
    slack = 1e-9 * (high - low)
    return {value: label for value, label in ticks.items() if low - slack <= value <= high + slack}


def frame(
    canvas: Sequence[Strip],
    y_ticks: dict[int, str],
    x_ticks: dict[int, str],
    x_label: str,
    depth: ColorDepth,
    base: Style = Style(),  # noqa: B008 - styles never change
) -> list[Strip]:
    """The canvas with the y axis on its left and the x axis, which takes two lines, below, both on the style `base`."""
    faint = base + FRAME
    gutter = left_of_canvas(y_ticks) - 1
    line, y_tick, corner, dash, x_tick = "|++-+" if depth is ColorDepth.ASCII else "│┤└─┬"
    strips = []
    for row, inside in enumerate(canvas):
        label = y_ticks.get(row)
        side = " " * gutter + line if label is None else f"{label:>{gutter - 1}} {y_tick}"
        strips.append(Strip([Segment(side, faint), *inside], gutter + 1 + inside.cell_length))
    columns = canvas[0].cell_length
    axis = "".join(x_tick if column in x_ticks else dash for column in range(columns))
    while len(x_label) >= columns - 1 and ", " in x_label:
        x_label = x_label.rpartition(", ")[0]
    if x_label and len(x_label) < columns - 1:
        axis = f"{axis[: -len(x_label) - 1]} {x_label}"
    below = [" " * gutter + corner + axis, _numbers(x_ticks, gutter + 1, gutter + 1 + columns)]
    return strips + [Strip([Segment(text, faint)], gutter + 1 + columns) for text in below]


def left_of_canvas(y_ticks: Ticks | dict[int, str]) -> int:
    """The width in cells of the y axis and its labels."""
    return max(map(len, y_ticks.values()), default=0) + 2


def _numbers(ticks: dict[int, str], left: int, width: int) -> str:
    text = ""
    for start, label in _fitting(ticks, left, width):
        text = text.ljust(start) + label
    return text.ljust(width)


def _fitting(ticks: dict[int, str], left: int, width: int) -> list[tuple[int, str]]:
    """Where the labels begin below their ticks, without those that would touch the one before."""
    found: list[tuple[int, str]] = []
    end = -1
    for column, label in sorted(ticks.items()):
        start = max(0, min(left + column - len(label) // 2, width - len(label)))
        if start > end:
            found.append((start, label))
            end = start + len(label)
    return found
