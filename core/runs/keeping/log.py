"""Following what a trainer printed: the last part of a file of any size, as lines that are safe to show."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from core import files
from core.errors import DamagedFile, describe
from core.text import printable

READ = 1 << 20  # bytes of the end of a log, and of what came since the last look
LONGEST_LINE = 2000  # characters that are shown
MOST_LINES = 5000
SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")  # colours, titles and the like


@dataclass(frozen=True)
class LogNews:
    """Lines that are new, or all that are shown where `afresh`; `open` is a line that is not ended, or nothing.

    `missing` says in a line why there is nothing to show.
    """

    lines: tuple[str, ...] = ()
    open: str = ""
    afresh: bool = False
    left_out: int = 0  # bytes before the first line
    missing: str = ""


class LogTail:
    """Follows a log that a trainer appends to, that may be cut, replaced, deleted, or come back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._read = self._left_out = 0
        self._part = b""
        self._said: LogNews | None = None

    def poll(self) -> LogNews | None:
        """What is new since the last look, None where nothing is. Raises OSError."""
        try:
            with files.opened(self._path) as descriptor:
                return self._follow(descriptor)
        except FileNotFoundError:
            return self._say_once(LogNews(missing=f"there is no {self._path.name}: no trainer has had this run yet"))
        except DamagedFile as error:
            return self._say_once(LogNews(missing=describe(error)))

    def _say_once(self, news: LogNews) -> LogNews | None:
        self._file = None
        said, self._said = self._said, news
        return None if said == news else news

    def _follow(self, descriptor: int) -> LogNews | None:
        found = os.fstat(descriptor)
        file = found.st_dev, found.st_ino
        afresh = file != self._file or found.st_size < self._read or found.st_size - self._read > READ
        if afresh:
            self._file, self._part = file, b""
            self._read = self._left_out = max(0, found.st_size - READ)
        elif found.st_size == self._read:
            return None
        self._said = None
        chunk = os.pread(descriptor, READ, self._read)
        self._read += len(chunk)
        *lines, part = (self._part + chunk).split(b"\n")
        self._part = part[-4 * LONGEST_LINE :]
        if afresh and self._left_out and lines:
            self._left_out += len(lines.pop(0)) + 1  # its beginning was not read
        shown = tuple(map(shown_line, lines[-MOST_LINES:]))
        return LogNews(shown, shown_line(self._part), afresh, self._left_out)


def shown_line(line: bytes) -> str:
    """A line as a terminal would show it in the end, without anything that a terminal obeys."""
    text = line.rstrip(b"\r").rpartition(b"\r")[2][: 8 * LONGEST_LINE].decode("utf-8", "replace")
    text = printable(SEQUENCE.sub("", text).expandtabs(4))
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"
