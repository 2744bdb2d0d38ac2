"""Finds out whether the terminal can draw pictures, as sixel or kitty graphics; asked before the app reads the keys."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from tui.terminal.graphics import Graphics, NoGraphics, credible_cell, window_cell_size

TIMEOUT = 2.0  # seconds that a terminal behind a slow line has to answer
ASK_ATTRIBUTES, ATTRIBUTES = b"\x1b[c", re.compile(rb"\x1b\[\?([\d;]*)c")
ASK_CELL_SIZE, CELL_SIZE = b"\x1b[16t", re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
ASK_KITTY, KITTY = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", re.compile(rb"\x1b_Gi=31;OK\x1b\\")
SIXEL_ATTRIBUTE = b"4"


def detect_graphics(timeout: float = TIMEOUT) -> Graphics:
    """Ask the terminal what it draws pictures with. Raises NoGraphics."""
    keys, screen, name = sys.__stdin__, sys.__stdout__, os.environ.get("TERM")
    if keys is None or screen is None or not (keys.isatty() and screen.isatty()):
        raise NoGraphics("graphics need a terminal as input and output")
    if name in (None, "", "dumb", "unknown"):
        raise NoGraphics(f"graphics need a terminal that can draw, and TERM is {name or 'not set'}")
    with _unbuffered(keys.fileno()):
        answer = _ask(keys.fileno(), screen.fileno(), ASK_CELL_SIZE, timeout)
        attributes = ATTRIBUTES.search(answer)
        if attributes is None:
            raise NoGraphics(f"the terminal did not answer within {timeout:g} s")
        # Sixel first: some terminals with both lack the part of kitty's protocol that is used here.
        sixel = SIXEL_ATTRIBUTE in attributes[1].split(b";")
        if not sixel and not KITTY.search(_ask(keys.fileno(), screen.fileno(), ASK_KITTY, timeout)):
            raise NoGraphics("the terminal has neither sixel nor kitty graphics")
    if not sixel and "utf" not in str(getattr(sys.__stderr__, "encoding", "")).lower():
        raise NoGraphics("kitty graphics need a locale with UTF-8, such as C.UTF-8")
    size = window_cell_size() or _cell_size(CELL_SIZE.search(answer))
    if size is None:
        raise NoGraphics("the terminal does not tell the size of its cells in pixels")
    return Graphics("sixel" if sixel else "kitty", *size)


@contextmanager
def _unbuffered(keys: int) -> Iterator[None]:
    """Keys are read byte by byte and not echoed; afterwards none is left unread."""
    before = termios.tcgetattr(keys)
    tty.setcbreak(keys)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSAFLUSH, before)


def _ask(keys: int, screen: int, question: bytes, timeout: float) -> bytes:
    """The answer up to the attributes, which every terminal tells, after anything asked before."""
    os.write(screen, question + ASK_ATTRIBUTES)
    answer, deadline = b"", time.monotonic() + timeout
    while not ATTRIBUTES.search(answer):
        if not select.select([keys], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        content = os.read(keys, 4096)
        if not content:
            break
        answer += content
    return answer


def _cell_size(answer: re.Match[bytes] | None) -> tuple[int, int] | None:
    return credible_cell(int(answer[2]), int(answer[1])) if answer else None
