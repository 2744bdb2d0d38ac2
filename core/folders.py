"""The user's own folders, also of a user who has no home, or one that takes no files."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs

from core.errors import DamagedFile


def cache_dir() -> Path:
    """The folder for what can be fetched or made again; of a user without a home a temporary one.

    Raises what `temporary_dir` raises.
    """
    return _at_home(platformdirs.user_cache_path) or temporary_dir()


def state_dir() -> Path:
    """The folder for what is kept between one use and the next. As `cache_dir`."""
    return _at_home(platformdirs.user_state_path) or temporary_dir()


def config_dir() -> Path | None:
    """The folder for what a user sets, None for a user without a home."""
    return _at_home(platformdirs.user_config_path)


def has_home() -> bool:
    """Whether the user has a home, whatever can be done there."""
    return _at_home(platformdirs.user_cache_path) is not None


def _at_home(find: Callable[..., Path]) -> Path | None:
    try:
        found = find("vae-tui", appauthor=False)
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return None
    return found if found.is_absolute() else None


def temporary_dir() -> Path:
    """A private folder for temporary files, the same one for all programs of this user; made where there is none.

    Raises OSError, or DamagedFile where somebody else has its name.
    """
    folder = Path(tempfile.gettempdir()).absolute() / f"vae-tui-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise DamagedFile(folder, "is not a private folder of this user")
    return folder


def dir_for_made(name: str) -> Path:
    """The folder of this name for files that are made here, in the cache folder or, where that takes none, elsewhere.

    Raises what `temporary_dir` raises.
    """
    folder = cache_dir() / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:  # on a full disk folders can still be made
            probe.write(b"room")
    except OSError:
        folder = temporary_dir() / name
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def current() -> Path:
    """The current folder, or what the shell calls it where it is gone, as a name for people."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.environ.get("PWD", "the current folder"))


def current_is_gone() -> bool:
    """Whether somebody deleted the current folder, so that relative paths lead nowhere."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def leave_deleted() -> None:
    """Where the current folder is gone, go elsewhere: libraries need one to load more of themselves."""
    if current_is_gone():
        os.chdir("/")
