"""Nothing that a benchmark started outlives it, however it ends: a process of its own waits for that and cleans up.

`python -m tests.benchmarks.guard FOLDER` reads pids, one a line; when they end, it kills those and removes the folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from core import program


class Guard:
    """A temporary folder, and processes that end with it: with the block, or with this process if that is killed."""

    def __enter__(self) -> Guard:
        self.folder = Path(tempfile.mkdtemp())
        command = [*program.words("tests.benchmarks.guard"), str(self.folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def watch(self, pid: int) -> None:
        """Have the process end, too."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pid}\n".encode())
        self._process.stdin.flush()


def lives(process: psutil.Process) -> bool:
    """Whether it may still write files."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def main(folder: Path) -> None:
    """Wait for the end of the input."""
    watched = []
    for line in sys.stdin.buffer:
        with suppress(psutil.NoSuchProcess):
            watched.append(psutil.Process(int(line)))
    for process in watched:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    while any(map(lives, watched)):
        time.sleep(0.01)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
