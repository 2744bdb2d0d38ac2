"""A run as one file that another machine opens: a zip archive of the run's own files, and of nothing else."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

from core import files
from core.errors import DamagedFile, RunError, UserError
from core.runs.config import check_name
from core.runs.keeping.names import unused_name
from core.runs.metrics.reader import SIZE_LIMIT
from core.runs.run import CONFIG, KEPT, LOG, METRICS, SHARED, TENSORS_LIMIT, Run, Share
from core.runs.snapshots.folder import files_of, is_snapshot
from core.runs.snapshots.moments import LARGEST

SUFFIX = ".vae-run"
LONGEST = {METRICS: SIZE_LIMIT, LOG: SIZE_LIMIT}
SNAPSHOTS_LIMIT = 8 * LARGEST  # a newer version may keep more
LARGEST_DIRECTORY = 1 << 14  # bytes of the archive's list of files
CHUNK = 1 << 20
END = struct.Struct("<4s4H2LH")  # of a zip archive: its list's disks, lengths, size and place, a comment's length
LOCATOR = 20  # bytes before that, in an archive of zip64, whose own record then counts
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes to unpack a few bytes


def pack(run: Run, path: Path, *, snapshots: bool = True) -> list[str]:
    """Write a run as one file, over one of that name, with or without its snapshots; the names of what is in it.

    Raises RunError while a trainer has the run, DamagedFile also for a file that is too large to be unpacked,
    or OSError; then what was there before is.
    """
    run.config()
    packed = files_of(run, snapshots=snapshots)
    _check_sizes(run, packed)
    lock = run.lock() if METRICS in packed else None
    try:
        with (
            files.replacing(path) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=False) as archive,
        ):
            for name in packed:
                _add(archive, run, name)
    except zipfile.LargeZipFile as error:
        raise RunError(f"{run.name} is larger than 2 GB") from error
    finally:
        if lock:
            lock.release()
    return packed


def _check_sizes(run: Run, names: list[str]) -> None:
    """Raise DamagedFile where nobody could unpack what is packed, or OSError."""
    kept = 0
    for name in names:
        with files.opened(run.path / name) as descriptor:
            size = os.fstat(descriptor).st_size
        if size > (allowed := LONGEST.get(name, TENSORS_LIMIT)):
            raise DamagedFile(run.path / name, f"is {size:,} bytes large, of which {allowed:,} can be unpacked")
        kept += size if is_snapshot(name) else 0
    if kept > SNAPSHOTS_LIMIT:
        raise DamagedFile(run.path, f"its snapshots are {kept:,} bytes large, of which {SNAPSHOTS_LIMIT:,} can be")


def _add(archive: zipfile.ZipFile, run: Run, name: str) -> None:
    with files.opened(run.path / name) as descriptor, archive.open(name, "w") as packed:
        while chunk := os.read(descriptor, CHUNK):
            packed.write(chunk)


def unpack(path: Path, runs_dir: Path, name: str | None = None, share: Share | None = None) -> Run:
    """Make a run of a packed one. What is in the file is not trusted: not its names, its sizes or its contents.

    Raises DamagedFile, ConfigError, RunError, FileExistsError or OSError; then nothing is left behind.
    """
    try:
        with files.opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
            _check_end(path, file.fileno())
            with zipfile.ZipFile(file) as archive:
                members = _checked(path, archive)
                run = Run(runs_dir.absolute() / check_name(name or unused_name(runs_dir, _stem(path))))

                def fill(folder: Path) -> None:
                    for member in members:
                        _extract(path, archive, member, folder)
                    _check_config(path, folder)

                files.make_folder(run.path, SHARED[share] if share else 0o700, fill)
                return run
    except UserError:
        raise
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError) as error:
        raise DamagedFile(path, "it is no packed run, or a damaged one") from error


def _check_config(path: Path, folder: Path) -> None:
    try:
        Run(folder).config()
    except DamagedFile as error:
        raise DamagedFile(path, f"{error.path.name} in it cannot be read: {error.reason}") from error


def _stem(path: Path) -> str:
    """The name that a packed run suggests, as far as it may be a name."""
    stem = path.name.removesuffix(SUFFIX)
    with suppress(ValueError):
        return check_name(stem)
    return "unpacked"


def _check_end(path: Path, descriptor: int) -> None:
    """Raise DamagedFile where the archive's list of files is longer than that of any run: it is read as a whole."""
    size = os.fstat(descriptor).st_size
    end = os.pread(descriptor, END.size, max(0, size - END.size))
    if len(end) < END.size or end[:4] != b"PK\5\6":
        raise DamagedFile(path, "it is no packed run")
    _, _, _, _, _, length, _, _ = END.unpack(end)
    is_zip64 = os.pread(descriptor, 4, max(0, size - END.size - LOCATOR)) == b"PK\6\7"
    if length > LARGEST_DIRECTORY or is_zip64:
        raise DamagedFile(path, "it holds something else than a run")


def _checked(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """What is in the archive: a run's files, each once and no larger than they get. Raises DamagedFile."""
    members = archive.infolist()
    names = [member.filename for member in members]
    known = all(name in KEPT or is_snapshot(name) for name in names)
    if len(set(names)) < len(names) or not known or CONFIG not in names:
        raise DamagedFile(path, "it holds something else than a run's files")
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or member.flag_bits & 1 or member.header_offset < 0:
            raise DamagedFile(path, f"{member.filename} in it is no plain file")
        if member.compress_type not in METHODS:
            raise DamagedFile(path, f"{member.filename} in it is compressed as in no packed run")
        if member.file_size > LONGEST.get(member.filename, TENSORS_LIMIT):
            raise DamagedFile(path, f"{member.filename} in it would be {member.file_size:,} bytes large")
    kept = sum(member.file_size for member in members if is_snapshot(member.filename))
    if kept > SNAPSHOTS_LIMIT:
        raise DamagedFile(path, f"the snapshots in it would be {kept:,} bytes large")
    return members


def _extract(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    written = 0
    place = folder / member.filename
    if place.parent != folder and not place.parent.exists():
        place.parent.mkdir(mode=0o700)
        files.share_folder(place.parent)
    with archive.open(member) as packed, place.open("xb") as file:
        while chunk := packed.read(CHUNK):
            written += len(chunk)
            if written > member.file_size:
                raise DamagedFile(path, f"{member.filename} in it is larger than it says")
            file.write(chunk)
        file.flush()
        files.share(file.fileno(), place.parent)
        files.sync(file.fileno())
