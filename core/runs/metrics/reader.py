"""Following metrics.jsonl: reading what a trainer appends, as columns of numbers."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from itertools import chain, compress
from operator import itemgetter
from pathlib import Path

import numpy as np
from pydantic_core import from_json

from core import files
from core.arrays import Column
from core.errors import DamagedFile
from core.runs.metrics import cache
from core.runs.metrics.lines import (
    COUNTS,
    DAMAGE,
    DEVICE_COLUMNS,
    EPOCH_COLUMNS,
    LARGEST_NUMBER,
    LONGEST_LINE,
    RATE_COLUMNS,
    READ_AT_ONCE,
    STEP_COLUMNS,
    Row,
    parse_line,
)

# Two lines a second for a month are about 1.3 GB.
SIZE_LIMIT = 2 << 30
REMEMBERED = 256
DAMAGED_LINES_LIMIT = 1000


class Table:
    """Rows of numbers that only grow, kept as columns of float64; a missing value is NaN."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._values = np.empty((len(names), 256))
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> Column:
        """A column, (rows,). Later rows do not change it."""
        column = self._values[self.names.index(name), : self._rows]
        column.flags.writeable = False
        return column

    @property
    def values(self) -> Column:
        """All columns, (columns, rows)."""
        return self._values[:, : self._rows]

    def extend(self, rows: Column) -> None:
        """Add rows, (columns, rows)."""
        end = self._rows + rows.shape[1]
        if end > self._values.shape[1]:
            room = np.empty((len(self.names), max(end, 2 * self._values.shape[1])))
            room[:, : self._rows] = self._values[:, : self._rows]
            self._values = room
        self._values[:, self._rows : end] = rows
        self._rows = end


class MetricsReader:
    """Follows a metrics file: every `poll` reads only what was added since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_over()

    def _start_over(self) -> None:
        self.steps = Table(STEP_COLUMNS)
        self.epochs = Table(EPOCH_COLUMNS)
        self.rates = Table(RATE_COLUMNS)
        self.devices = Table(DEVICE_COLUMNS)
        self.damaged_lines = 0
        self._read = self._size = 0
        self._last = b""
        self._part = b""
        self._skipping = False
        self._kept = 0  # bytes of which the cache knows

    @property
    def _tables(self) -> dict[str, Table]:
        """Of each kind of line."""
        return {"step": self.steps, "epoch": self.epochs, "learning_rate": self.rates, "device": self.devices}

    def poll(self, seconds: float = math.inf) -> bool:
        """Take in new lines; whether anything changed. After so long the rest is left for the next time, `unread`.

        Raises DamagedFile or OSError.
        """
        try:
            descriptor = files.open_regular(self._path, os.O_RDONLY)
        except FileNotFoundError:
            changed = self._read > 0
            self._start_over()
            return changed
        try:
            return self._follow(descriptor, time.monotonic() + seconds)
        finally:
            os.close(descriptor)

    @property
    def unread(self) -> float:
        """The share of the file that the last poll left for the next one."""
        return 1 - self._read / self._size if self._size > self._read else 0.0

    def _follow(self, descriptor: int, deadline: float) -> bool:
        changed = False
        size = os.fstat(descriptor).st_size
        if size > SIZE_LIMIT:
            raise DamagedFile(self._path, f"is larger than {SIZE_LIMIT:,} bytes")
        if os.pread(descriptor, len(self._last), self._read - len(self._last)) != self._last:
            # A resumed trainer cut the file back to the state it resumed from.
            self._start_over()
            changed = True
        if self._read - self._kept >= cache.WORTH and not self._skipping and not self.unread:  # it is shown by now
            self._keep(descriptor)
        elif not self._read and size >= cache.WORTH:
            changed = self._recall(descriptor)
        self._size = size
        while chunk := os.pread(descriptor, READ_AT_ONCE, self._read):
            changed = True
            self._read += len(chunk)
            self._last = (self._last + chunk[-REMEMBERED:])[-REMEMBERED:]
            self._take(chunk)
            if time.monotonic() >= deadline:
                return True
        self._size = self._read
        return changed

    def _keep(self, descriptor: int) -> None:
        self._kept = self._read
        values = [table.values for table in self._tables.values()]
        known = cache.Known(self._read, len(self._part), self.damaged_lines, *values)
        cache.store(self._path, descriptor, known)

    def _recall(self, descriptor: int) -> bool:
        """Go on from what was read before, by whichever process; whether anything was."""
        known = cache.load(self._path, descriptor)
        if known is None:
            return False
        for table, values in zip(self._tables.values(), known.tables, strict=True):
            table.extend(values)
        self.damaged_lines, self._read, self._kept = known.damaged_lines, known.read, known.read
        self._part = os.pread(descriptor, known.part, known.read - known.part)
        self._last = os.pread(descriptor, min(REMEMBERED, known.read), max(0, known.read - REMEMBERED))
        return True

    def _take(self, chunk: bytes) -> None:
        lines = (self._part + chunk).split(b"\n")
        self._part = lines.pop()
        if self._skipping and lines:
            lines[0] = b"the end of a line that was too long"
            self._skipping = False
        if len(self._part) > LONGEST_LINE:
            self._part = b""
            self._skipping = True
        self._add([line for line in lines if line])

    def _add(self, lines: list[bytes]) -> None:
        try:
            rows = parse(lines)
        except ValueError:
            rows = list(self._parse_each(lines))
        try:
            self._add_rows(rows)
        except DAMAGE:
            for row in rows:
                try:
                    self._add_rows([row])
                except DAMAGE:
                    self._count_damage()

    def _parse_each(self, lines: list[bytes]) -> Iterator[Row]:
        for line in lines:
            try:
                yield parse_line(line)
            except ValueError:
                self._count_damage()

    def _count_damage(self) -> None:
        self.damaged_lines += 1
        if self.damaged_lines > DAMAGED_LINES_LIMIT:
            raise DamagedFile(self._path, "holds something else than metrics")

    def _add_rows(self, rows: list[Row]) -> None:
        """Add the rows of the kinds this version knows; a newer one may write others."""
        kinds: list[str] = [row["kind"] for row in rows]
        if set(map(type, kinds)) - {str}:
            raise TypeError("the kind of a line must be text")
        read = [
            as_columns(list(compress(rows, map(kind.__eq__, kinds))), table.names)
            for kind, table in self._tables.items()
        ]
        for table, values in zip(self._tables.values(), read, strict=True):  # all of them, or none
            table.extend(values)


def parse(lines: list[bytes]) -> list[Row]:
    """The JSON object of each line, all parsed at once. Raises ValueError when one holds anything else or is nested."""
    if not lines:
        return []
    joined = b",".join(lines)
    # The end of one line could complete the beginning of another.
    ends = set(map(itemgetter(0), lines)), set(map(itemgetter(-1), lines))
    if ends != ({ord("{")}, {ord("}")}) or joined.count(b"{") != len(lines) or max(map(len, lines)) > LONGEST_LINE:
        raise ValueError("a line is no flat object")
    rows: list[Row] = from_json(b"[" + joined + b"]", allow_inf_nan=False)
    return rows


def as_columns(rows: list[Row], names: tuple[str, ...]) -> Column:
    """The named values of the rows, (names, rows); NaN stands for one that is missing or null.

    Raises TypeError, ValueError or OverflowError when one is no number that training could have written.
    """
    there = names
    if rows and len(set(map(len, rows))) == 1:  # an older version's lines lack the same values all
        there = tuple(name for name in names if name in rows[0] or name in COUNTS)
    try:
        values = list(chain.from_iterable(map(itemgetter(*there), rows)))
    except KeyError:  # seldom, and slower
        there = names
        values = [row.get(name) for row in rows for name in names]
    kinds = set(map(type, values))
    if not kinds <= {int, float, type(None)}:
        raise TypeError(f"metrics must be numbers, found {kinds}")
    if type(None) in kinds:
        values = [math.nan if value is None else value for value in values]
    columns = np.fromiter(values, np.float64, len(values)).reshape(-1, len(there)).T
    if there != names:
        found, columns = columns, np.full((len(names), len(rows)), math.nan)
        columns[[names.index(name) for name in there]] = found
    counts = columns[: len(COUNTS)]
    if np.isnan(counts).any() or (counts < 0).any():
        raise ValueError("epoch, step and time must be there and not be negative")
    if (np.abs(columns) > LARGEST_NUMBER).any():
        raise ValueError("a number is out of all bounds")
    return columns
