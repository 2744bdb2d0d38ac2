"""A terminal that can draw: it answers what programs ask, and keeps all that it is sent."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.terminal import ENVIRONMENT, KNOWN, UNKNOWN, Terminal

REPOSITORY = Path(__file__).parents[2]


SIXEL = re.compile(rb"\x1bP[^\x1b]*\x1b\\")


KITTY = re.compile(rb"\x1b_G[^\x1b]*\x1b\\")


PLACEHOLDER = "\U0010eeee".encode()


QUESTION = re.compile(rb"\x1b\[c|\x1b\[16t|\x1b_Gi=31[^\x1b]*\x1b\\")


# What terminals answer.
ATTRIBUTES, CELL_SIZE, KITTY_QUESTION = b"\x1b[c", b"\x1b[16t", b"\x1b_Gi=31"


XTERM = {ATTRIBUTES: b"\x1b[?62;4c", CELL_SIZE: b"\x1b[6;20;10t"}


PLAIN = {ATTRIBUTES: b"\x1b[?1;2c", CELL_SIZE: b"\x1b[6;20;10t"}


KITTEN = {ATTRIBUTES: b"\x1b[?62;c", CELL_SIZE: b"\x1b[6;20;10t", KITTY_QUESTION: b"\x1b_Gi=31;OK\x1b\\"}


class DrawingTerminal(Terminal):
    """A terminal that answers questions and keeps all that it is sent; its screen shows the text alone."""

    def __init__(self, program: str, *arguments: str, folder: Path, **options: Any) -> None:
        self.sent = b""
        self._answers: dict[bytes, bytes] = options.pop("answers")
        self._delay: float = options.pop("delay", 0)
        self._answered = 0
        self._unshown = b""
        size = options.pop("size", (120, 40))
        super().__init__(
            [sys.executable, "-c", program, *arguments],
            folder,
            ENVIRONMENT | {"PYTHONPATH": str(REPOSITORY)} | options,
            size,
        )

    def read(self, seconds: float = 0.05) -> str:
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                content = os.read(self._master, 1 << 16)
            except OSError:
                break
            self.sent += content
            self._answer()
            self._show(content)
        return "\n".join(line.rstrip() for line in self._screen.display)

    def _answer(self) -> None:
        for question in QUESTION.finditer(self.sent, self._answered):
            time.sleep(self._delay)
            os.write(self._master, next((a for q, a in self._answers.items() if question[0].startswith(q)), b""))
            self._answered = question.end()

    def _show(self, content: bytes) -> None:
        """Draw the text; a sequence of graphics that has begun waits for its end."""
        content = self._unshown + content
        begun = max(content.rfind(b"\x1bP"), content.rfind(b"\x1b_"))
        end = begun if begun >= 0 and content.find(b"\x1b\\", begun) < 0 else len(content)
        text, self._unshown = KITTY.sub(b"", SIXEL.sub(b"", content[:end])), content[end:]
        self._stream.feed(UNKNOWN.sub(lambda match: match[0] if KNOWN.match(match[0]) else b"", text))

    def settle(self, seconds: float = 0.5) -> bytes:
        """What it is sent until that long nothing more comes."""
        start, seen = len(self.sent), -1
        while seen != len(self.sent):
            seen = len(self.sent)
            self.read(seconds)
        return self.sent[start:]

    def after(self, keys: str, pattern: re.Pattern[bytes] | None = None) -> bytes:
        """What it is sent after these keys, the last that matches this at least."""
        start = len(self.sent)
        self.press(keys)
        deadline = time.monotonic() + 30
        while pattern is not None and not pattern.search(self.sent, start):
            assert time.monotonic() < deadline, f"nothing is drawn after {keys}:\n{self.read()}"
            self.read()
        self.settle()
        return self.sent[start:]


OpenTerminal = Callable[..., DrawingTerminal]
