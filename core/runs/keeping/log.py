"""Following what a trainer printed: the last part of a file of any size, as lines that are safe to show."""

from __future__ import annotations

import os
import re
from collections import deque
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
class LogEnd:
    """The last lines of a log, whose numbers begin with `first`; `open` is a line that is not ended, or nothing.

    `left_out` says whether there are lines before them, `missing` in a line why there is nothing to show.
    """

    lines: tuple[str, ...] = ()
    open: str = ""
    first: int = 1
    left_out: bool = False
    missing: str = ""


class LogTail:
    """Follows a log that a trainer appends to, that may be cut, replaced, deleted, or come back.

    Lines are counted from the first one that was read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._read = self._skipped = 0  # bytes: where the next look begins, and where the first one began
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._count = 0  # of all lines that were read
        self._part = b""
        self._said: LogEnd | None = None

    def poll(self) -> LogEnd | None:
        """What there is to show, None where nothing is new since the last look. Raises OSError."""
        try:
            with files.opened(self._path) as descriptor:
                return self._follow(descriptor)
        except FileNotFoundError:
            return self._say_once(LogEnd(missing=f"there is no {self._path.name}: no trainer has had this run yet"))
        except DamagedFile as error:
            return self._say_once(LogEnd(missing=describe(error)))

    def _say_once(self, end: LogEnd) -> LogEnd | None:
        self._file = None
        said, self._said = self._said, end
        return None if said == end else end

    def _follow(self, descriptor: int) -> LogEnd | None:
        found = os.fstat(descriptor)
        file = found.st_dev, found.st_ino
        afresh = file != self._file or found.st_size < self._read or found.st_size - self._read > READ
        if afresh:
            self._file, self._part, self._count = file, b"", 0
            self._lines.clear()
            self._read = self._skipped = max(0, found.st_size - READ)
        elif found.st_size == self._read:
            return None
        self._said = None
        chunk = os.pread(descriptor, READ, self._read)
        self._read += len(chunk)
        *lines, part = (self._part + chunk).split(b"\n")
        self._part = part[-4 * LONGEST_LINE :]
        if afresh and self._skipped and lines:
            lines.pop(0)  # its beginning was not read
        self._count += len(lines)
        self._lines.extend(map(shown_line, lines[-MOST_LINES:]))
        before = self._count - len(self._lines)
        return LogEnd(tuple(self._lines), shown_line(self._part), before + 1, bool(self._skipped or before))


def shown_line(line: bytes) -> str:
    """A line as a terminal would show it in the end, without anything that a terminal obeys."""
    text = line.rstrip(b"\r").rpartition(b"\r")[2][: 8 * LONGEST_LINE].decode("utf-8", "replace")
    text = printable(SEQUENCE.sub("", text).expandtabs(4))
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"
