"""Writes what is shown to files: pictures as PNG, tables as CSV, values as JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.arrays import Column, Images, Integers
from core.errors import ConfigError, DamagedFile
from core.runs.keeping.names import next_name
from tui.drawing.images import mosaic
from tui.drawing.plots.axes import Range
from tui.series import Chart
from tui.terminal.graphics import png

Suffix = Literal[".png", ".csv"]

SCALE = 4  # of the pixels of images


def suffix_of(path: Path) -> Suffix:
    """The kind of file that a name asks for, in upper or lower case. Raises ConfigError for other endings."""
    match path.suffix.lower():
        case ".png":
            return ".png"
        case ".csv":
            return ".csv"
    raise ConfigError({"out": f"out must end in .png or .csv, not {path.name[:60]!r}"})


def unused_path(folder: Path, stem: str, suffix: str) -> Path:
    """The first of stem.png, stem-2.png, stem-3.png ... after those that exist. Raises OSError."""
    return folder / f"{next_name(stem, (path.stem for path in folder.iterdir() if path.suffix == suffix))}{suffix}"


def write_file(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file, over an existing one only if `replace`.

    Raises DamagedFile for a pipe and the like, or OSError: FileExistsError for the file, FileNotFoundError for the
    folder.
    """
    if replace and path.exists() and not path.is_file() and not path.is_dir():
        raise DamagedFile(path.absolute(), "is not a regular file")
    path.parent.stat()  # the error of a missing folder should name the folder, not the file
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL), 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except BaseException:
        if not replace:
            path.unlink(missing_ok=True)
        raise


def save_picture(path: Path, images: Images, columns: int, *, replace: bool = False) -> None:
    """Images (N, H, W) in [0, 1] as a grey PNG with `columns` images a row and 4 x 4 pixels for each of theirs.

    Values are clipped, NaN is black. Raises ValueError for other shapes, OSError.
    """
    if images.ndim != 3 or not images.size or columns < 1:
        raise ValueError(f"images are {images.shape} in {columns} columns, must be (N, H, W) in 1 or more")
    number, height, width = images.shape
    columns = min(columns, number)
    rows = -(-number // columns)
    whole: Images = np.zeros((rows * columns, height, width), images.dtype)
    whole[:number] = images
    picture = np.clip(np.nan_to_num(mosaic(whole.reshape(rows, columns, height, width))), 0, 1)
    pixels = np.rint(picture * 255).astype(np.uint8).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    write_file(path, png(pixels), replace=replace)


def save_table(path: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]], *, replace: bool = False) -> None:
    """Columns of one length as CSV with a header; floats in their shortest exact form, NaN and None empty.

    Raises ValueError that names columns of different lengths, OSError.
    """
    flat = all(np.ndim(column) == 1 for column in columns.values() if isinstance(column, np.ndarray))
    if not flat or len({len(column) for column in columns.values()}) > 1:
        sizes = ", ".join(f"{name} {np.shape(column)}" for name, column in columns.items())
        raise ValueError(f"columns must be (N,) of one length, not {sizes}")
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(columns)
    cells = [["" if value != value else value for value in column] for column in columns.values()]
    writer.writerows(zip(*cells, strict=True))
    write_file(path, content.getvalue().encode(), replace=replace)


def save_json(path: Path, content: Any) -> None:
    """Plain values as JSON in a new file. Raises OSError."""
    write_file(path, f"{json.dumps(content, indent=2)}\n".encode(), replace=False)


def curve_table(charts: Sequence[Chart], x_label: str, x_range: Range) -> dict[str, list[str] | Column | Integers]:
    """Curves by the chart they are in, as columns of a table with one line for each point.

    The last column says which points the range shows.
    """
    pairs = [(chart.key, curve) for chart in charts for curve in chart.curves]
    x = np.concatenate([curve.x for _, curve in pairs])
    return {
        "part": [part for part, curve in pairs for _ in curve.x],
        "curve": [curve.label for _, curve in pairs for _ in curve.x],
        x_label: x,
        "value": np.concatenate([curve.y for _, curve in pairs]),
        "shown": ((x >= x_range[0]) & (x <= x_range[1])).astype(int),
    }
