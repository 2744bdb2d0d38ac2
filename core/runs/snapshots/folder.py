"""The folder of a run's snapshots: which there are, when each was taken, and what it holds."""

from __future__ import annotations

import json
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core import files
from core.errors import DamagedFile
from core.runs.run import KEPT, TENSORS_LIMIT, Run

SNAPSHOTS = "snapshots"
NAME_FORM = re.compile(r"([0-9]{12})\.safetensors")
HEADER_LIMIT = 1 << 20
MOST = 1000  # that are looked at, of a folder that somebody filled
MOST_NAMES = 10_000
FIRST_EPOCH, LAST_EPOCH = 1e-9, 1e7  # that a training may have a snapshot of, besides the beginning


@dataclass(frozen=True)
class Snapshot:
    """The weights after `step` steps, which is after `epoch` epochs and parts of one."""

    step: int
    epoch: float
    path: Path

    def read(self) -> bytes:
        """The file, in the format of model.safetensors. Raises FileNotFoundError, DamagedFile or OSError."""
        return files.read(self.path, TENSORS_LIMIT)


def folder_of(run: Run | Path) -> Path:
    """Where the snapshots of a run lie, be there any or not."""
    return (run.path if isinstance(run, Run) else run) / SNAPSHOTS


def file_name(step: int) -> str:
    """The name of the snapshot of a step."""
    return f"{step:012d}.safetensors"


def snapshots_of(run: Run | Path) -> tuple[Snapshot, ...]:
    """The snapshots of a run, or of the folder of one, by step; none where it has none. Raises OSError.

    What else lies in the folder is skipped, and so is a file that does not say of which step and epoch it is.
    """
    found = islice(sorted(steps_in(folder_of(run)).items()), MOST)
    return tuple(snapshot for step, path in found if (snapshot := _snapshot(step, path)))


def version_of(run: Run | Path) -> int:
    """A number that changes whenever a snapshot comes or goes, 0 without any; it costs one look at the folder."""
    return files.version(str(folder_of(run)))


def files_of(run: Run, *, snapshots: bool = True) -> list[str]:
    """The files that make a run, of which there are any, by their paths in its folder. Raises OSError."""
    kept = snapshots_of(run) if snapshots else ()
    found = [name for name in KEPT if (run.path / name).exists()]
    return found + [f"{SNAPSHOTS}/{snapshot.path.name}" for snapshot in kept]


def is_snapshot(name: str) -> bool:
    """Whether a path in the folder of a run is that of a snapshot."""
    folder, _, file = name.partition("/")
    return folder == SNAPSHOTS and bool(NAME_FORM.fullmatch(file))


def steps_in(folder: Path) -> dict[int, Path]:
    """The files that are named as snapshots, by step. Raises OSError."""
    if not is_folder(folder):
        return {}
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, MOST_NAMES)]
    return {int(match[1]): folder / name for name in names if (match := NAME_FORM.fullmatch(name))}


def is_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one. Raises OSError where that cannot be told."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _snapshot(step: int, path: Path) -> Snapshot | None:
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        metadata = _metadata(path)
        epoch = float(metadata["epoch"])
        if int(metadata["step"]) == step and (epoch == 0 or FIRST_EPOCH <= epoch <= LAST_EPOCH):
            return Snapshot(step, epoch, path)
    return None


def _metadata(path: Path) -> dict[str, str]:
    """What the header of a safetensors file says; nothing where it is none, or is gone by now. Raises OSError."""
    with suppress(FileNotFoundError, DamagedFile, ValueError, RecursionError), files.opened(path) as descriptor:
        length = int.from_bytes(os.pread(descriptor, 8, 0), "little")
        if length <= HEADER_LIMIT:
            header = json.loads(os.pread(descriptor, length, 8))
            if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict):
                return dict(header["__metadata__"])
    return {}
