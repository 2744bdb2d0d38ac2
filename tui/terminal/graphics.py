"""Pictures as sixel or kitty graphics: what to send to the terminal to draw them."""

from __future__ import annotations

import io
import sys
import termios
from base64 import b64encode
from dataclasses import dataclass, replace
from fcntl import ioctl
from functools import cache
from random import randrange
from struct import unpack
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.arrays import Images
from tui.terminal.sixel import sixels

LEVELS = 16  # of grey: more cost bytes, and digits look the same
GAP = 1  # cells between two tiles
CELL_SIDES = range(2, 257)  # pixels that a cell may be wide or high
WIDEST = 1000  # pixels of a picture of sixels that xterm draws, unless it is told otherwise
CHUNK = 4096  # bytes that kitty accepts at once
# The signs above a placeholder that number its row for kitty: those of class 230 that make no other character.
ROW_SIGNS = (
    "305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 5a8-5a9 "
    "5ab-5ac 5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 735-736 73a 73d "
    "73f-741 743 745 747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d"
)


class NoGraphics(Exception):
    """Why pictures are drawn as half-blocks, in one line."""


@dataclass(frozen=True)
class Graphics:
    """The graphics protocol of a terminal, and the size of its cells in pixels."""

    protocol: Literal["sixel", "kitty"]
    cell_width: int
    cell_height: int

    def resized(self) -> Graphics:
        """The same after the terminal changed its size, and perhaps that of its font."""
        size = window_cell_size()
        return self if size is None else replace(self, cell_width=size[0], cell_height=size[1])


def window_cell_size() -> tuple[int, int] | None:
    """The width and height of a cell in pixels, where the kernel knows it."""
    if sys.__stdout__ is None:
        return None
    try:
        rows, columns, width, height = unpack("4H", ioctl(sys.__stdout__.fileno(), termios.TIOCGWINSZ, bytes(8)))
    except (OSError, ValueError):
        return None
    return credible_cell(width // columns, height // rows) if rows and columns else None


def credible_cell(width: int, height: int) -> tuple[int, int] | None:
    """The size of a cell in pixels, unless it cannot be one."""
    return (width, height) if width in CELL_SIDES and height in CELL_SIDES else None


@cache
def row_signs() -> str:
    """A sign for each row of a picture, the first for the first one."""
    runs = (run.split("-") for run in ROW_SIGNS.split())
    return "".join(chr(code) for run in runs for code in range(int(run[0], 16), int(run[-1], 16) + 1))


@dataclass(frozen=True)
class Placement:
    """The cells that a row of tiles covers, counted from the widget's corner, and how its tiles lie in them."""

    graphics: Graphics
    y: int
    count: int
    cells_wide: int  # of a tile
    lines: float  # of a tile; the last need not be full
    height: int  # the lines that are shown of it

    @property
    def width(self) -> int:
        """Cells from the first tile to the last."""
        return self.count * (self.cells_wide + GAP) - GAP

    @property
    def rows(self) -> range:
        """The lines of the widget that are covered."""
        return range(self.y, self.y + self.height)


class Sheet:
    """A row of tiles (N, K, H, W) in [0, 1] as one picture: encoded once, off the UI thread, then drawn."""

    def __init__(self, placement: Placement, tiles: Images) -> None:
        self.placement, self.tiles = placement, tiles
        self._pieces: list[tuple[int, str]] = []  # each with the cells that are left of it
        self._id: int | None = None

    def shows(self, other: Sheet) -> bool:
        """Whether both look the same."""
        return self.placement == other.placement and np.array_equal(self.tiles, other.tiles)

    def encode(self) -> None:
        """Prepare for drawing; takes tens of milliseconds the first time."""
        if not self._pieces:
            self._pieces = self._encoded(enlarge(self.tiles, self.placement))

    def _encoded(self, pixels: npt.NDArray[np.uint8]) -> list[tuple[int, str]]:
        graphics = self.placement.graphics
        if graphics.protocol == "kitty":
            return [(0, b64encode(png(pixels)).decode())]
        cells, side = max(1, WIDEST // graphics.cell_width), graphics.cell_width
        starts = range(0, self.placement.width, cells)
        return [(start, sixels(pixels[:, start * side : (start + cells) * side])) for start in starts]

    def draw(self, x: int, y: int) -> str:
        """The escape codes that draw an encoded sheet with its corner in this cell and keep the cursor in its place."""
        if self.placement.graphics.protocol == "sixel":
            return f"\x1b7{''.join(_go_to(x + start, y) + piece for start, piece in self._pieces)}\x1b8"
        if self._id is None:
            self._id = _ids.take()
        return f"{self._sent_to_kitty()}\x1b7{self._placeholders(x, y)}\x1b8"

    def discard(self) -> None:
        """Give its id in the terminal's memory to another sheet."""
        if self._id is not None:
            _ids.give_back(self._id)
            self._id = None

    def _sent_to_kitty(self) -> str:
        """The picture; it replaces the one with the same id. Without q=2 the answers would arrive as keys."""
        data = "".join(piece for _, piece in self._pieces)
        chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
        keys = f"a=T,U=1,f=100,q=2,i={self._id},c={self.placement.width},r={self.placement.height},"
        return "".join(
            f"\x1b_G{'' if at else keys}m={int(at < len(chunks) - 1)};{chunk}\x1b\\" for at, chunk in enumerate(chunks)
        )

    def _placeholders(self, x: int, y: int) -> str:
        """Characters in whose place kitty shows the picture whose id is their colour; the first in a row numbers it."""
        image_id, signs = self._id or 0, row_signs()
        color = f"\x1b[38;2;{image_id >> 16};{image_id >> 8 & 255};{image_id & 255}m"
        rows = zip(range(self.placement.height), signs, strict=False)
        line = "\U0010eeee" * (self.placement.width - 1)
        return color + "".join(f"{_go_to(x, y + row)}\U0010eeee{sign}{signs[0]}{line}" for row, sign in rows)


def enlarge(tiles: Images, placement: Placement) -> npt.NDArray[np.uint8]:
    """Tiles (N, K, H, W) side by side in 16 greys, in exactly the pixels of their cells."""
    graphics = placement.graphics
    count, images, high, wide = tiles.shape
    greys = np.rint(np.clip(np.nan_to_num(tiles), 0, 1) * (LEVELS - 1)).astype(np.uint8) * (255 // (LEVELS - 1))
    height, width = round(placement.lines * graphics.cell_height), placement.cells_wide * graphics.cell_width
    rows, columns = np.arange(height) * images * high // height, np.arange(width) * wide // width
    large = greys.reshape(count, images * high, wide)[:, rows][:, :, columns]
    shown = placement.height * graphics.cell_height
    gap = GAP * graphics.cell_width
    large = np.pad(large[:, :shown], ((0, 0), (0, max(0, shown - height)), (0, gap)))
    return np.ascontiguousarray(large.transpose(1, 0, 2).reshape(shown, -1)[:, :-gap])


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A picture (H, W) of greys as the bytes of a PNG file."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="png")
    return content.getvalue()


def _go_to(x: int, y: int) -> str:
    return f"\x1b[{y + 1};{x + 1}H"


class _ImageIds:
    """Ids of pictures in kitty's memory; they fit in a colour. Only the UI thread takes them."""

    def __init__(self) -> None:
        self._first = randrange(1 << 16, 1 << 23)  # other programs in the same window have their own
        self._taken = 0
        self._free: list[int] = []

    def take(self) -> int:
        if self._free:
            return self._free.pop()
        self._taken += 1
        return self._first + self._taken - 1

    def give_back(self, image_id: int) -> None:
        self._free.append(image_id)

    def all(self) -> range:
        return range(self._first, self._first + self._taken)


_ids = _ImageIds()


def delete_images() -> str:
    """The escape codes that delete the pictures a kitty terminal keeps; sixels are not kept."""
    return "".join(f"\x1b_Ga=d,d=I,i={image_id},q=2\x1b\\" for image_id in _ids.all())
