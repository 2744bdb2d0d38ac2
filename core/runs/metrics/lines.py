"""The lines of metrics.jsonl: which numbers they hold, reading one, and finding the last ones of a long file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from core import files
from core.runs.architecture.sizes import MOST_LATENT_CHANNELS

STEP_COLUMNS = (
    "epoch",
    "step",
    "time",
    "loss",
    "reconstruction",
    "kl",
    "learning_rate",
    "images_per_second",
    "gradient_norm",
)
KL_CHANNELS = tuple(f"val_kl_channel_{channel}" for channel in range(MOST_LATENT_CHANNELS))
EPOCH_COLUMNS = (
    "epoch",
    "step",
    "time",
    "train_loss",
    "train_reconstruction",
    "train_kl",
    "val_loss",
    "val_reconstruction",
    "val_kl",
    "frechet",
    "images_per_second",
    "active_units",
    *KL_CHANNELS,
)
RATE_COLUMNS = ("epoch", "step", "time", "learning_rate")  # of what was asked for while it trained
# Of how busy a GPU was: utilisation in percent, memory in bytes, temperature in degrees Celsius, power in watts.
DEVICE_COLUMNS = ("epoch", "step", "time", "utilisation", "memory_used", "memory_total", "temperature", "power")
COLUMNS = {"step": STEP_COLUMNS, "epoch": EPOCH_COLUMNS}
COUNTS = ("epoch", "step", "time")  # the first of both
READ_AT_ONCE = 1 << 20
SEARCHED = 1 << 25
LONGEST_LINE = 1 << 16
LAST_BYTES = (1 << 12, LONGEST_LINE)  # of a metrics file: nearly always the first will do
LARGEST_NUMBER = 1e15
Row = Mapping[str, Any]
# What reading a line that no version writes can raise.
DAMAGE = (ValueError, TypeError, OverflowError, KeyError)


def parse_line(line: bytes) -> Row:
    """The JSON object of one line, which may be nested. Raises ValueError when it holds anything else."""
    if line[:1] != b"{" or line[-1:] != b"}" or len(line) > LONGEST_LINE:
        raise ValueError("the line is no object")
    row: Row = from_json(line, allow_inf_nan=False)
    return row


def check(row: Row, names: tuple[str, ...]) -> None:
    """Raise TypeError, ValueError or OverflowError where one of the named values is none that training could write."""
    for name in names:
        value = row.get(name)
        if value is None:
            if name in COUNTS:
                raise ValueError("epoch, step and time must be there")
        elif type(value) is not int and type(value) is not float:
            raise TypeError(f"metrics must be numbers, found {type(value)}")
        elif not -LARGEST_NUMBER <= value <= LARGEST_NUMBER or (value < 0 and name in COUNTS):
            raise ValueError("a number is out of all bounds")


def last_lines(path: Path) -> dict[str, Row]:
    """The last whole line of each known kind near the end of a metrics file, without reading all of it.

    Empty when there is none. Raises DamagedFile or OSError.
    """
    try:
        with files.opened(path) as descriptor:
            size = os.fstat(descriptor).st_size
            found: dict[str, Row] = {}
            for most in LAST_BYTES:
                start = max(0, size - most)
                found = _last_of_each(os.pread(descriptor, size - start, start))
                if start == 0 or len(found) == len(COLUMNS):
                    break
            return found
    except FileNotFoundError:
        return {}


def _last_of_each(content: bytes) -> dict[str, Row]:
    found: dict[str, Row] = {}
    end = content.rfind(b"\n")
    while end >= 0 and len(found) < len(COLUMNS):
        start = content.rfind(b"\n", 0, end) + 1
        with suppress(*DAMAGE):
            row = parse_line(content[start:end])
            kind = row["kind"]
            if kind in COLUMNS and kind not in found:
                check(row, COLUMNS[kind])
                found[kind] = row
        end = start - 1
    return found


def newest_validation(path: Path, last: Mapping[str, Row]) -> tuple[int, float] | None:
    """The number of epochs and the loss of the newest validation; None where there is none.

    Where the last lines have none, the last bytes of the file are searched, more than a day of training writes. Raises
    DamagedFile or OSError.
    """
    epoch = last.get("epoch", {})
    if not last or epoch.get("val_loss") is not None:
        return (int(epoch["epoch"]), float(epoch["val_loss"])) if last else None
    try:
        descriptor = files.open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        end = os.fstat(descriptor).st_size
        floor, rest = max(0, end - SEARCHED), b""
        while end > floor:
            start = max(floor, end - READ_AT_ONCE)
            block = os.pread(descriptor, end - start, start) + rest
            first = block.find(b"\n") + 1 if start else 0
            if found := _last_validation(block[first:]):
                return found
            end, rest = start, block[:first]
    finally:
        os.close(descriptor)
    return None


def _last_validation(content: bytes) -> tuple[int, float] | None:
    """That of the last whole line that has one."""
    end = content.rfind(b"\n")
    while (place := content.rfind(b'"val_loss"', 0, max(end, 0))) >= 0:
        start, stop = content.rfind(b"\n", 0, place) + 1, content.find(b"\n", place)
        with suppress(*DAMAGE):
            row = parse_line(content[start:stop])
            check(row, EPOCH_COLUMNS)
            if row["kind"] == "epoch" and row["val_loss"] is not None:
                return int(row["epoch"]), float(row["val_loss"])
        end = start - 1
    return None
