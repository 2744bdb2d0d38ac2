"""What takes a look at whole files: the best validation of a run, its evaluations, and its room on the disk."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from core import files
from core.errors import DamagedFile, describe
from core.runs.keeping.evaluated import Evaluated, read_evaluated
from core.runs.metrics.lines import COUNTS, DAMAGE, LONGEST_LINE, READ_AT_ONCE, check, parse_line
from core.runs.run import Run
from core.runs.snapshots.folder import folder_of, steps_in

REMEMBERED = 256
MOST_LOSSES = 100_000
NAMED = b'"val_loss"'
ANEW = b'"best_anew":true'  # in the line that says where a fork began, whose loss is another sum
Best = tuple[int, float]  # after how many epochs, and the loss


class BestValidation:
    """Follows a metrics file; each `read` takes in what was added, a part at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_over()

    def _start_over(self) -> None:
        self.best: Best | None = None
        self._read, self._last, self._part = 0, b"", b""

    def read(self) -> Iterator[None]:
        """Take in a part of what is new for each step. Raises DamagedFile or OSError."""
        try:
            with files.opened(self._path) as descriptor:
                if os.pread(descriptor, len(self._last), self._read - len(self._last)) != self._last:
                    self._start_over()  # a resumed trainer cut the file back
                while chunk := os.pread(descriptor, READ_AT_ONCE, self._read):
                    if len(chunk) > LONGEST_LINE and b"\n" not in chunk:  # a hole of many gigabytes, say
                        raise DamagedFile(self._path, "holds something else than metrics")
                    self._read += len(chunk)
                    self._last = (self._last + chunk[-REMEMBERED:])[-REMEMBERED:]
                    self._take(chunk)
                    yield
        except FileNotFoundError:
            self._start_over()

    def _take(self, chunk: bytes) -> None:
        content = self._part + chunk
        end = content.rfind(b"\n") + 1
        self._part = content[end:][-LONGEST_LINE:]
        begin = content.rfind(ANEW, 0, end) + 1
        if begin:
            self._begin_anew()
        place = content.find(NAMED, begin, end)
        while place >= 0:
            stop = content.index(b"\n", place)
            if not content[place + len(NAMED) : place + len(NAMED) + 8].lstrip(b" :").startswith(b"null"):
                self._take_line(content[content.rfind(b"\n", 0, place) + 1 : stop])
            place = content.find(NAMED, stop, end)

    def _begin_anew(self) -> None:
        """Forget the losses so far."""
        self.best = None

    def _take_line(self, line: bytes) -> None:
        with suppress(*DAMAGE):
            row = parse_line(line)
            check(row, (*COUNTS, "val_loss"))
            loss = row["val_loss"]
            if row["kind"] == "epoch" and loss is not None:
                self._add(int(row["epoch"]), float(loss))

    def _add(self, epoch: int, loss: float) -> None:
        if self.best is None or loss < self.best[1]:
            self.best = epoch, loss


class Validations(BestValidation):
    """All validation losses as well, in their order; of very many the last ones."""

    def _start_over(self) -> None:
        super()._start_over()
        self.losses: deque[float] = deque(maxlen=MOST_LOSSES)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self.losses.clear()

    def _add(self, epoch: int, loss: float) -> None:
        super()._add(epoch, loss)
        self.losses.append(loss)


def size_on_disk(folder: Path) -> int:
    """The bytes of a run's files, as they lie on the disk; links are not followed. Raises OSError."""
    return _size(folder) + sum(path.lstat().st_blocks * 512 for path in steps_in(folder_of(folder)).values())


def _size(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in entries)


class Measures:
    """What is found in the files of one run, as they were last read; None or nothing before, and where it cannot be."""

    def __init__(self, run: Run) -> None:
        self._run, self._validations = run, BestValidation(run.metrics_path)
        self.size: int | None = None
        self.evaluated: tuple[Evaluated, ...] = ()
        self.evaluated_damage = ""

    @property
    def best(self) -> Best | None:
        return self._validations.best

    @property
    def found(self) -> dict[str, Any]:
        """All of it, under the names of a summary."""
        return {
            "best": self.best,
            "size": self.size,
            "evaluated": self.evaluated,
            "evaluated_damage": self.evaluated_damage,
        }

    def measure(self) -> Iterator[None]:
        """Measure a part for each step."""
        self.size = None
        with suppress(OSError):  # a file may have gone just now
            self.size = size_on_disk(self._run.path)
        self.evaluated, self.evaluated_damage = (), ""
        try:
            self.evaluated = read_evaluated(self._run.evaluation_path, self._run.weights_path())
        except Exception as error:  # noqa: BLE001 - what one run's file holds must not cost the figures of the others
            self.evaluated_damage = describe(error)
        with suppress(DamagedFile, OSError):  # which the list says of the run
            yield from self._validations.read()
