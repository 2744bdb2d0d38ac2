"""The columns of long metrics files as they were read before, kept in the user's cache folder, never in the run."""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from core import files, folders
from core.arrays import Column
from core.errors import DamagedFile
from core.runs.metrics.lines import (
    DEVICE_COLUMNS,
    EPOCH_COLUMNS,
    LONGEST_LINE,
    RATE_COLUMNS,
    READ_AT_ONCE,
    STEP_COLUMNS,
)

WORTH = 1 << 23  # bytes of a metrics file that take longer to parse than what is kept of them to read
ENDS = 1 << 16  # bytes at the beginning and at the end that are compared also where a file looks untouched
TICK_SECONDS = 2.5  # longer than a tick of any file system's clock
LARGEST = 1 << 31
KEPT = 1 << 30  # bytes of all files together
LONGEST_HEADER = 1 << 12


@dataclass(frozen=True)
class Known:
    """What the first `read` bytes of a metrics file say; the last `part` of them are the beginning of a line."""

    read: int
    part: int
    damaged_lines: int
    steps: Column  # (columns, rows)
    epochs: Column
    rates: Column
    devices: Column

    @property
    def tables(self) -> tuple[Column, ...]:
        """All of them, as COLUMNS names their columns."""
        return self.steps, self.epochs, self.rates, self.devices


class Header(BaseModel):
    """The first line of a file here: which metrics file the columns behind it are of."""

    model_config = ConfigDict(extra="forbid")

    columns: tuple[tuple[str, ...], ...]
    rows: tuple[NonNegativeInt, ...]
    read: NonNegativeInt
    part: NonNegativeInt
    damaged_lines: NonNegativeInt
    identity: tuple[int, ...]
    at_rest: bool  # for longer than a tick of the clock, so that a change since then would show
    checksum: int  # of all that was read
    ends: int  # of the first and the last of it
    stored: int  # checksum of the columns


COLUMNS = (STEP_COLUMNS, EPOCH_COLUMNS, RATE_COLUMNS, DEVICE_COLUMNS)


def load(path: Path, descriptor: int) -> Known | None:
    """What is kept of an open metrics file, None where that is nothing, or of another content. Raises OSError.

    Where the file looks as it did then, its ends are compared, otherwise all of it that was read.
    """
    try:
        content = files.read(_place(path), LARGEST)
    except (DamagedFile, OSError):  # it is parsed, as if nothing were kept
        return None
    line, _, _ = content[:LONGEST_HEADER].partition(b"\n")
    try:
        header = Header.model_validate_json(line)
    except ValidationError:
        return None
    data = memoryview(content)[len(line) + 1 :]
    counts = [len(names) * rows for names, rows in zip(COLUMNS, header.rows, strict=False)]
    is_ours = header.columns == COLUMNS and len(header.rows) == len(COLUMNS)
    whole = is_ours and len(data) == 8 * sum(counts) and zlib.crc32(data) == header.stored
    if not whole or not header.part <= min(header.read, LONGEST_LINE):
        return None
    found = os.fstat(descriptor)
    if found.st_size < header.read or _ends(descriptor, header.read) != header.ends:
        return None
    untouched = header.at_rest and _identity(found) == header.identity
    if not untouched and _checksum(descriptor, header.read) != header.checksum:
        return None
    starts = accumulate(counts, initial=0)
    tables = [
        np.frombuffer(data, np.float64, count, 8 * start).reshape(len(names), -1)
        for names, count, start in zip(COLUMNS, counts, starts, strict=False)
    ]
    return Known(header.read, header.part, header.damaged_lines, *tables)


def store(path: Path, descriptor: int, known: Known) -> None:
    """Keep what an open metrics file says. Where that cannot be written, the file is parsed the next time."""
    found = os.fstat(descriptor)
    values = b"".join(table.tobytes() for table in known.tables)
    header = Header(
        columns=COLUMNS,
        rows=tuple(table.shape[1] for table in known.tables),
        read=known.read,
        part=known.part,
        damaged_lines=known.damaged_lines,
        identity=_identity(found),
        at_rest=found.st_size == known.read and time.time() - found.st_mtime > TICK_SECONDS,
        checksum=_checksum(descriptor, known.read),
        ends=_ends(descriptor, known.read),
        stored=zlib.crc32(values),
    )
    with suppress(DamagedFile, OSError):
        place = _place(path)
        _make_room(place, len(values))
        files.replace(place, header.model_dump_json().encode() + b"\n" + values)


def _place(path: Path) -> Path:
    """Where the columns of a metrics file are kept. Raises OSError or DamagedFile."""
    name = hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=16).hexdigest()  # noqa: PTH100 - may be gone
    return folders.dir_for_made("metrics") / name


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _ends(descriptor: int, length: int) -> int:
    """A checksum of the first and the last of so many bytes."""
    first = min(length, ENDS)
    return zlib.crc32(os.pread(descriptor, first, length - first), zlib.crc32(os.pread(descriptor, first, 0)))


def _checksum(descriptor: int, end: int) -> int:
    checksum = place = 0
    while place < end and (chunk := os.pread(descriptor, min(READ_AT_ONCE, end - place), place)):
        checksum = zlib.crc32(chunk, checksum)
        place += len(chunk)
    return checksum


def _make_room(place: Path, size: int) -> None:
    """Remove what was kept longest ago where all of it would be too much."""
    others = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(place.parent))
    total = size + sum(length for _, length, _ in others)
    for _, length, oldest in others:
        if total <= KEPT:
            return
        Path(oldest).unlink(missing_ok=True)
        total -= length
