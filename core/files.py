"""Reading and replacing files so that neither a crash nor a hostile file does harm."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import platformdirs

from core.errors import DamagedFile

TEMPORARY_MARK = ".tmp-"
# Nobody needs that long to write a small file, and no clock of a shared disk is that wrong.
ABANDONED_SECONDS = 3600.0


def cache_dir() -> Path:
    """The user's folder for what can be fetched or made again."""
    return platformdirs.user_cache_path("vae-tui", appauthor=False)


def state_dir() -> Path:
    """The user's folder for what is kept between one use and the next."""
    return platformdirs.user_state_path("vae-tui", appauthor=False)


def replace(path: Path, content: bytes) -> None:
    """Put `content` in place of the file so that a reader sees the old file or the new one, never a part.

    The file is private to its owner. Raises OSError and then leaves no temporary file behind.
    """
    # Several threads and hosts may write the same file at once.
    temporary = path.with_name(f".{path.name}{TEMPORARY_MARK}{uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_temporary_files(folder: Path, shared: str) -> None:
    """Remove the temporary files that killed processes left; call it only while nobody else writes in the folder.

    Those of the file `shared`, which anybody may write, are left until they are old.
    """
    for path in folder.glob(f".*{TEMPORARY_MARK}*"):
        with suppress(FileNotFoundError):  # it was renamed just now
            found = path.lstat()
            young = abs(time.time() - found.st_mtime) < ABANDONED_SECONDS
            on_its_way = young and path.name.startswith(f".{shared}{TEMPORARY_MARK}")
            if stat.S_ISREG(found.st_mode) and not on_its_way:
                path.unlink()


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of a regular file, never of what a link or a FIFO in its place leads to.

    Raises FileNotFoundError, OSError, or DamagedFile when something else has the name.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(path.lstat().st_mode):
                raise DamagedFile(path, "is not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedFile(path, "is not a regular file")
    return descriptor


def read(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises FileNotFoundError, OSError, or DamagedFile when it is larger or no regular file.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        # Asking for no more than there is saves room that would be cleared first.
        content = b"" if size > limit else file.read(size + 1)
        if len(content) > size:  # it grew
            content += file.read(limit - size)
    if size > limit or len(content) > limit:
        raise DamagedFile(path, f"is larger than {limit:,} bytes")
    return content
