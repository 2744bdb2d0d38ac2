"""A real pseudo-terminal with an emulator behind it, so that a test reads what a user would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

# Private sequences that the emulator would print: keyboard protocol, mode reports, pointer shapes.
UNKNOWN = re.compile(rb"\x1b\[[<>=?][0-9;]*[\x20-\x2f]*[a-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\")
KNOWN = re.compile(rb"\x1b\[\?(?:25|7|1049)[hl]")

# What a shell in a terminal of many colours has; the size is the terminal's own to tell.
UNWANTED = ("NO_COLOR", "COLORTERM", "LC_ALL", "COLUMNS", "LINES")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in UNWANTED} | {
    "TERM": "xterm-256color",
    "LANG": "C.UTF-8",
    # What the user of the tests chose is none of theirs.
    "XDG_STATE_HOME": str(Path(tempfile.gettempdir()) / f"vae-tui-tests-{os.getuid()}"),
    "XDG_CONFIG_HOME": str(Path(tempfile.gettempdir()) / f"vae-tui-tests-{os.getuid()}"),
    "VAE_TUI_SCREEN": "training",  # not that of the test before
}


class Terminal:
    """A program in a pseudo-terminal of its own session, as a shell over SSH would start it."""

    def __init__(
        self, command: list[str], folder: Path, environment: dict[str, str], size: tuple[int, int] = (120, 40)
    ) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes_written = 0
        self._master, slave = pty.openpty()
        self.resize(*size)
        if environment.get("XDG_CONFIG_HOME") == ENVIRONMENT["XDG_CONFIG_HOME"]:  # what one test chooses is its own
            self._chosen = tempfile.TemporaryDirectory(prefix="vae-tui-tests-")
            Path(self._chosen.name).chmod(0o777)
            environment = environment | {"XDG_CONFIG_HOME": self._chosen.name}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.hang_up()

    def resize(self, width: int, height: int) -> None:
        """Tell the program, as a terminal does whose window was dragged."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._screen.resize(height, width)

    def press(self, keys: str) -> None:
        """Type these characters."""
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal's end, as a lost connection does."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def read(self, seconds: float = 0.05) -> str:
        """The screen after taking in what the program wrote until now."""
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                content = os.read(self._master, 1 << 16)
            except OSError:
                break
            if not content:
                break
            self.bytes_written += len(content)
            self._stream.feed(UNKNOWN.sub(lambda match: match[0] if KNOWN.match(match[0]) else b"", content))
        return "\n".join(line.rstrip() for line in self._screen.display)

    def cells(self) -> list[list[pyte.screens.Char]]:
        """What the screen shows, each cell with its style."""
        rows, columns = range(self._screen.lines), range(self._screen.columns)
        return [[self._screen.buffer[row][column] for column in columns] for row in rows]

    def wait_for(self, *texts: str, seconds: float = 60.0) -> str:
        """The screen once it shows all these texts; fails with what it shows instead."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.read()
            if all(text in shown for text in texts):
                return shown
            assert time.monotonic() < deadline, f"no {texts} on the screen:\n{shown}"

    def wait_for_end(self, seconds: float = 30.0) -> int:
        """The exit status, reading on meanwhile, since a program may wait for its terminal."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if self._master >= 0:
                self.read()
            assert time.monotonic() < deadline, "the program did not end"
            time.sleep(0.02)
        if self._master >= 0:
            self.read()
        return self.process.returncode
