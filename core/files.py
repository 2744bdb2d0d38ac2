"""Reading and replacing files so that neither a crash nor a hostile file does harm."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar
from uuid import uuid4

from core.errors import ConfigError, DamagedFile

TEMPORARY_MARK = ".tmp-"
LONGEST_START = 200  # bytes of the name before it
# Nobody needs that long to write a small file, and no clock of a shared disk is that wrong.
ABANDONED_SECONDS = 3600.0
# What network file systems answer while a server is away or a file was replaced, and not the next time.
PASSING = {errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EINTR, errno.EHOSTDOWN, errno.ENETDOWN, errno.ECONNRESET}
NOT_OFFERED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
LEAST_READ = 1 << 12  # bytes
PAUSES = (0.0, 0.1, 0.4)  # seconds between attempts
Found = TypeVar("Found")


def replace(path: Path, content: bytes) -> None:
    """Put `content` in place of the file. Raises OSError."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which then takes the place of that one: a reader sees the old file or the new, never a part.

    Whoever may use the folder may use the file. Raises OSError; after any error no temporary file is left behind.
    """
    # Several threads and hosts may write the same file at once.
    temporary = _temporary(path)
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            share(file.fileno(), path.parent)
            yield file
            file.flush()
            sync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):  # the first error says more
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise
    _sync_folder(path.parent)


def _temporary(path: Path) -> Path:
    """Another name in its folder that nobody has; of a long one the beginning, as a name has at most 255 bytes."""
    start = os.fsencode(path.name)[:LONGEST_START].decode(errors="ignore")
    return path.with_name(f".{start}{TEMPORARY_MARK}{uuid4().hex}")


def expanded(path: Path | str) -> Path:
    """The path with a `~` at its beginning as the user's home folder. Raises ConfigError where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError({"path": f"{path} begins with ~, and there is no such home folder"}) from error


def make_folder(path: Path, mode: int, fill: Callable[[Path], object]) -> None:
    """Make a folder with all that `fill` puts into it, or nothing at all.

    In a folder that gives its group to what is in it (setgid), it is open to the group as that one is. Raises
    FileExistsError when the name is taken, or OSError.
    """
    temporary = _temporary(path)
    try:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            let_in(path.parent, path.parent.stat().st_mode | mode & 0o055)
        temporary.mkdir(mode=0o700)
        parent = path.parent.stat().st_mode
        if parent & stat.S_ISGID:
            mode |= parent & (stat.S_ISGID | 0o070)
        let_in(temporary, mode)
        fill(temporary)
        temporary.rename(path)  # fails where the name was taken meanwhile: what is there is not empty
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        raise
    _sync_folder(path.parent)


def let_in(folder: Path, mode: int) -> None:
    """Give a folder these permissions, where there are any."""
    if stat.S_IMODE(folder.stat().st_mode) != mode:
        with suppress(OSError):  # some file systems know no permissions
            folder.chmod(mode)


def share(descriptor: int, folder: Path) -> None:
    """Let those read and write a file of ours who may do so in its folder; those of its group as a group."""
    with suppress(OSError):  # some file systems know no permissions
        found, wanted = os.fstat(descriptor), folder.stat()
        if found.st_uid != os.geteuid():
            return
        if wanted.st_mode & 0o070 and found.st_gid != wanted.st_gid:
            with suppress(OSError):  # a group that its user does not belong to
                os.fchown(descriptor, -1, wanted.st_gid)
        mode = 0o600 | wanted.st_mode & 0o066
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(descriptor, mode)


def share_folder(folder: Path) -> None:
    """Let those use a folder in another one, and the files in it, who may use that one; nothing where there is none."""
    with suppress(OSError):  # some file systems know no permissions
        found, wanted = folder.lstat(), folder.parent.stat()
        access = found.st_gid == wanted.st_gid, stat.S_IMODE(found.st_mode) == stat.S_IMODE(wanted.st_mode)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or all(access):
            return
        with suppress(OSError):  # a group that its user does not belong to
            os.chown(folder, -1, wanted.st_gid)
        folder.chmod(stat.S_IMODE(wanted.st_mode))
        for path in folder.iterdir():
            with suppress(DamagedFile, OSError), opened(path) as descriptor:
                share(descriptor, folder)


def why_read_only(folder: Path) -> str:
    """Why nothing can be written there, in a few words; nothing where it can."""
    if os.access(folder, os.W_OK | os.X_OK):
        return ""
    read_only = folder.exists() and os.statvfs(folder).f_flag & os.ST_RDONLY
    return "is on a read-only file system" if read_only else "may only be read"


def exists(path: Path) -> bool:
    """Whether there is something of that name. Raises OSError where that cannot be told."""
    try:
        persist(path.lstat)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_gone(folder: Path) -> bool:
    """Whether there is no such folder any more, rather than a file system that fails."""
    try:
        return not stat.S_ISDIR(persist(folder.stat).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def may_pass(error: OSError) -> bool:
    """Whether the same may succeed when it is tried again."""
    return error.errno in PASSING


def persist(attempt: Callable[[], Found]) -> Found:
    """What it gives, tried again for half a second where a file system fails in passing. Raises OSError."""
    for pause in PAUSES:
        try:
            return attempt()
        except OSError as error:
            if not may_pass(error):
                raise
        time.sleep(pause)
    return attempt()


def sync(descriptor: int) -> None:
    """Bring a file or folder to the disk, where its file system can be told to. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def remove_temporary_files(folder: Path, own: Collection[str]) -> None:
    """Remove the temporary files that killed processes left of files that nobody but the caller writes.

    `own` are patterns of those files' names. Anybody may be writing the others: what they left goes once it is old.
    """
    for path in folder.glob(f".*{TEMPORARY_MARK}*"):
        with suppress(FileNotFoundError):  # it was renamed just now
            found = path.lstat()
            is_own = any(path.match(f".{name}{TEMPORARY_MARK}*") for name in own)
            is_left = is_own or abs(time.time() - found.st_mtime) >= ABANDONED_SECONDS
            if stat.S_ISREG(found.st_mode) and is_left:
                path.unlink()


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of a regular file, never of what a link or a FIFO in its place leads to; a new one is shared.

    Raises FileNotFoundError, OSError, or DamagedFile when something else has the name.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(path.lstat().st_mode):
                raise DamagedFile(path, "is not a regular file") from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DamagedFile(path, "is not a regular file")
        if flags & os.O_CREAT:
            share(descriptor, path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of a regular file to read from, in there. Raises what `open_regular` raises."""
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises FileNotFoundError, OSError, or DamagedFile when it is larger or no regular file.
    """
    return persist(lambda: read_once(path, limit))


def read_once(path: Path, limit: int) -> bytes:
    """The same for those who cannot wait, and come again."""
    with opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        parts, found = [], 0
        # Asking for no more than there is saves room that would be cleared first; it may grow meanwhile.
        while size <= limit >= found and (part := os.read(descriptor, max(size - found + 1, LEAST_READ))):
            parts.append(part)
            found += len(part)
    if size > limit or found > limit:
        raise DamagedFile(path, f"is larger than {limit:,} bytes")
    return b"".join(parts)


def beginning(path: Path, most: int) -> tuple[int, bytes]:
    """The size of a regular file, and its first bytes. Raises FileNotFoundError, OSError, or DamagedFile."""
    with opened(path) as descriptor:
        return os.fstat(descriptor).st_size, os.pread(descriptor, most, 0)


def version(path: str) -> int:
    """A number that changes whenever the file does, 0 where there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0
    return hash((found.st_mtime_ns, found.st_ino, found.st_size)) or 1


def last_line(path: Path, limit: int, about: str = "", since: int = 0) -> str:
    """The last line that contains something, of the last `limit` bytes of a file after so many; or nothing."""
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except (OSError, DamagedFile):
        return ""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(since, os.fstat(file.fileno()).st_size - limit))
        lines = file.read(limit).decode("utf-8", "replace").strip().splitlines()
    return next((line.strip() for line in reversed(lines) if about in line), "")
