"""The metrics of a run up to a moment, as another run goes on with them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core import files
from core.errors import DamagedFile
from core.runs.metrics.lines import COUNTS, DAMAGE, LONGEST_LINE, READ_AT_ONCE, Row, check, parse_line

FORK = "fork"  # the kind of the line that says where a fork began


def copy_metrics(source: Path, target: Path, length: int | None, step: int) -> None:
    """Write the lines of a metrics file to a new one: those in the first so many bytes, or else up to a step.

    Raises DamagedFile or OSError.
    """
    written = files.open_regular(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(written, "wb") as file:
        for lines in _whole_lines(source, length) if length is not None else _lines_until(source, step):
            file.write(lines)
        file.flush()
        files.sync(file.fileno())


def trained_until(path: Path, step: int) -> float:
    """The seconds that were trained up to a step, 0 without any line. Raises DamagedFile or OSError."""
    rows = [row for lines in _lines_until(path, step) if (row := _last_row(lines))]
    return float(rows[-1]["time"]) if rows else 0.0


def mark_fork(path: Path, *, run: str, epoch: int, step: int, seconds: float, best_anew: bool) -> int:
    """Add the line that says where a fork began, and whether the best so far counts no more; the file's length.

    Raises DamagedFile or OSError.
    """
    line = {"kind": FORK, "epoch": epoch, "step": step, "time": round(seconds, 3), "run": run, "best_anew": best_anew}
    descriptor = files.open_regular(path, os.O_WRONLY | os.O_APPEND)
    with os.fdopen(descriptor, "ab") as file:
        file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        file.flush()
        files.sync(file.fileno())
        return os.fstat(file.fileno()).st_size


def _whole_lines(path: Path, length: int | None) -> Iterator[bytes]:
    """Its lines, many at a time and each whole; nothing where there is no file."""
    try:
        descriptor = files.open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        end = os.fstat(descriptor).st_size
        end = end if length is None else min(length, end)
        place, part = 0, b""
        while place < end and (chunk := os.pread(descriptor, min(READ_AT_ONCE, end - place), place)):
            place += len(chunk)
            lines, newline, part = (part + chunk).rpartition(b"\n")
            yield lines + newline
            if len(part) > LONGEST_LINE:
                raise DamagedFile(path, "holds something else than metrics")
    finally:
        os.close(descriptor)


def _lines_until(path: Path, step: int) -> Iterator[bytes]:
    """Its lines up to a step, many at a time."""
    for lines in _whole_lines(path, None):
        kept = _up_to(lines, step)
        yield kept
        if len(kept) < len(lines):
            return


def _up_to(lines: bytes, step: int) -> bytes:
    """Of lines in their order those that are of no later step."""
    if (last := _last_row(lines)) is None or last["step"] <= step:
        return lines
    end = 0
    for line in lines.splitlines(keepends=True):
        with suppress(*DAMAGE):
            row = parse_line(line.rstrip(b"\n"))
            check(row, COUNTS)
            if row["step"] > step:
                break
        end += len(line)
    return lines[:end]


def _last_row(lines: bytes) -> Row | None:
    """The last line that says when it was; None where none does."""
    end = lines.rfind(b"\n")
    while end >= 0:
        start = lines.rfind(b"\n", 0, end) + 1
        with suppress(*DAMAGE):
            row = parse_line(lines[start:end])
            check(row, COUNTS)
            return row
        end = start - 1
    return None
