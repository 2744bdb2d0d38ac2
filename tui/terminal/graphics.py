"""Pictures as the terminal's own graphics, sixel or kitty's: whether it has them, and what to send to draw them."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import select
import sys
import termios
import time
import tty
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fcntl import ioctl
from functools import cache
from random import randrange
from struct import unpack
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from core.arrays import Images

if TYPE_CHECKING:
    from PIL import Image


LEVELS = 16  # of grey: more of them cost bytes and digits look the same
GAP = 1  # cells between two tiles
PATIENCE = 2.0  # seconds that a terminal behind a slow line has to answer
CELL_SIDES = range(2, 257)  # pixels; anything else is no answer
CHUNK = 4096  # bytes that kitty takes at once
ASK_ATTRIBUTES, ATTRIBUTES = b"\x1b[c", re.compile(rb"\x1b\[\?([\d;]*)c")
ASK_CELL_SIZE, CELL_SIZE = b"\x1b[16t", re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
ASK_KITTY, KITTY = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", re.compile(rb"\x1b_Gi=31;OK\x1b\\")
SIXEL_ATTRIBUTE = b"4"
INSTALL = 'install it with: pip install "vae-tui[graphics]"'


class NoGraphics(Exception):
    """Why pictures stay half-blocks, in one line."""


@dataclass(frozen=True)
class Graphics:
    """What a terminal draws pictures with, and how large its cells are in pixels."""

    protocol: Literal["sixel", "kitty"]
    cell_width: int
    cell_height: int

    def measured_again(self) -> Graphics:
        """The same after the terminal changed its size, and perhaps that of its letters."""
        size = _cell_size_of_window()
        return self if size is None else replace(self, cell_width=size[0], cell_height=size[1])


# Asking


def ask_terminal(patience: float = PATIENCE) -> Graphics:
    """What the terminal says it draws pictures with; to be asked before an app reads the keys. Raises NoGraphics."""
    if importlib.util.find_spec("textual_image") is None:
        raise NoGraphics(f"graphics need textual-image; {INSTALL}")
    keys, screen, name = sys.__stdin__, sys.__stdout__, os.environ.get("TERM")
    if keys is None or screen is None or not (keys.isatty() and screen.isatty()):
        raise NoGraphics("graphics need a terminal as input and output")
    if name in (None, "", "dumb", "unknown"):
        raise NoGraphics(f"graphics need a terminal that can draw, and TERM is {name or 'not set'}")
    with _unbuffered(keys.fileno()):
        answer = _ask(keys.fileno(), screen.fileno(), ASK_CELL_SIZE, patience)
        attributes = ATTRIBUTES.search(answer)
        if attributes is None:
            raise NoGraphics(f"the terminal did not say within {patience:g} s what it can draw")
        # Sixel first: some that have both lack the part of kitty's protocol that is needed here.
        sixel = SIXEL_ATTRIBUTE in attributes[1].split(b";")
        if not sixel and not KITTY.search(_ask(keys.fileno(), screen.fileno(), ASK_KITTY, patience)):
            raise NoGraphics("the terminal says that it has neither sixel nor kitty graphics")
    if not sixel and "utf" not in str(getattr(sys.__stderr__, "encoding", "")).lower():
        raise NoGraphics("kitty graphics need a locale with UTF-8, such as C.UTF-8")
    size = _cell_size_of_window() or _cell_size(CELL_SIZE.search(answer))
    if size is None:
        raise NoGraphics("the terminal does not say how many pixels its cells have")
    _library()
    return Graphics("sixel" if sixel else "kitty", *size)


@contextmanager
def _unbuffered(keys: int) -> Iterator[None]:
    """Bytes can be read as they come and are not shown; afterwards none is left over."""
    before = termios.tcgetattr(keys)
    tty.setcbreak(keys)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSAFLUSH, before)


def _ask(keys: int, screen: int, question: bytes, patience: float) -> bytes:
    """What the terminal sends until it has told its attributes: all do, and they answer in order."""
    os.write(screen, question + ASK_ATTRIBUTES)
    answer, deadline = b"", time.monotonic() + patience
    while not ATTRIBUTES.search(answer):
        if not select.select([keys], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        content = os.read(keys, 4096)
        if not content:
            break
        answer += content
    return answer


def _cell_size(answer: re.Match[bytes] | None) -> tuple[int, int] | None:
    return _credible(int(answer[2]), int(answer[1])) if answer else None


def _cell_size_of_window() -> tuple[int, int] | None:
    """The width and height of a cell in pixels, where the kernel was told."""
    if sys.__stdout__ is None:
        return None
    try:
        rows, columns, width, height = unpack("4H", ioctl(sys.__stdout__.fileno(), termios.TIOCGWINSZ, bytes(8)))
    except (OSError, ValueError):
        return None
    return _credible(width // columns, height // rows) if rows and columns else None


def _credible(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if width in CELL_SIDES and height in CELL_SIDES else None


@cache
def _library() -> tuple[Callable[[Image.Image], str], str]:
    """What textual-image gives: an encoder of sixels, and the characters that number rows for kitty.

    Its widgets are not used: they ask the terminal themselves, while Textual reads the answers, and they send a
    picture each time that Textual renders them. Raises NoGraphics.
    """
    screen = sys.__stdout__
    sys.__stdout__ = io.StringIO()  # type: ignore[misc, assignment]  # where it finds no terminal, it asks nothing
    try:
        from textual_image._sixel import image_to_sixels
        from textual_image.renderable.tgp import _NUMBER_TO_DIACRITIC
    except ImportError as error:
        raise NoGraphics(f"graphics need another version of textual-image ({error}); {INSTALL}") from error
    finally:
        sys.__stdout__ = screen  # type: ignore[misc]
    return image_to_sixels, "".join(map(chr, _NUMBER_TO_DIACRITIC))


# Drawing


@dataclass(frozen=True)
class Place:
    """Which cells a row of tiles covers, counted from the widget's corner, and how its tiles lie there."""

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


class Sheet:
    """A row of tiles (N, K, H, W) in [0, 1] as graphics: encoded off the UI thread, then drawn as often as needed."""

    def __init__(self, place: Place, tiles: Images) -> None:
        self.place, self.tiles = place, tiles
        self._data: str | None = None
        self._number: int | None = None

    def shows(self, other: Sheet) -> bool:
        """Whether both look the same."""
        return self.place == other.place and np.array_equal(self.tiles, other.tiles)

    def encode(self) -> None:
        """Prepare to be drawn; takes tens of milliseconds, once."""
        if self._data is None:
            self._data = self._encoded(enlarge(self.tiles, self.place))

    def _encoded(self, pixels: npt.NDArray[np.uint8]) -> str:
        if self.place.graphics.protocol == "kitty":
            return b64encode(png(pixels)).decode()
        from PIL import Image

        return _library()[0](Image.fromarray(pixels))

    def draw(self, x: int, y: int) -> str:
        """What draws an encoded sheet with its corner in this cell and leaves the cursor where it is."""
        if self.place.graphics.protocol == "sixel":
            return f"\x1b7{_go_to(x, y)}{self._data}\x1b8"
        if self._number is None:
            self._number = _numbers.take()
        return f"{self._sent_to_kitty()}\x1b7{self._placeholders(x, y)}\x1b8"

    def discard(self) -> None:
        """Let another sheet take its place in the terminal's memory."""
        if self._number is not None:
            _numbers.give_back(self._number)
            self._number = None

    def _sent_to_kitty(self) -> str:
        """The picture; it replaces the one that had its number. Without q=2 the answers would arrive as keys."""
        data = self._data or ""
        chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
        keys = f"a=T,U=1,f=100,q=2,i={self._number},c={self.place.width},r={self.place.height},"
        return "".join(
            f"\x1b_G{'' if at else keys}m={int(at < len(chunks) - 1)};{chunk}\x1b\\" for at, chunk in enumerate(chunks)
        )

    def _placeholders(self, x: int, y: int) -> str:
        """Characters in whose place kitty shows the picture that their colour numbers; the first tells their row."""
        number, signs = self._number or 0, _library()[1]
        color = f"\x1b[38;2;{number >> 16};{number >> 8 & 255};{number & 255}m"
        rows = zip(range(self.place.height), signs, strict=False)
        line = "\U0010eeee" * (self.place.width - 1)
        return color + "".join(f"{_go_to(x, y + row)}\U0010eeee{sign}{signs[0]}{line}" for row, sign in rows)


def enlarge(tiles: Images, place: Place) -> npt.NDArray[np.uint8]:
    """Images (N, K, H, W) beside each other as greys of 16 levels that fill exactly the cells of a place."""
    graphics = place.graphics
    count, images, high, wide = tiles.shape
    greys = np.rint(np.clip(np.nan_to_num(tiles), 0, 1) * (LEVELS - 1)).astype(np.uint8) * (255 // (LEVELS - 1))
    height, width = round(place.lines * graphics.cell_height), place.cells_wide * graphics.cell_width
    rows, columns = np.arange(height) * images * high // height, np.arange(width) * wide // width
    large = greys.reshape(count, images * high, wide)[:, rows][:, :, columns]
    shown = place.height * graphics.cell_height
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


class _Numbers:
    """Numbers of pictures in kitty's memory; they fit in a colour. Only the UI thread takes them."""

    def __init__(self) -> None:
        self._first = randrange(1 << 16, 1 << 23)  # other programs in the same window have theirs
        self._taken = 0
        self._free: list[int] = []

    def take(self) -> int:
        if self._free:
            return self._free.pop()
        self._taken += 1
        return self._first + self._taken - 1

    def give_back(self, number: int) -> None:
        self._free.append(number)

    def all(self) -> range:
        return range(self._first, self._first + self._taken)


_numbers = _Numbers()


def clean_up() -> str:
    """What makes the terminal forget all pictures that it was sent; for sixels, which it does not keep, nothing."""
    return "".join(f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\" for number in _numbers.all())
