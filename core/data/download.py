"""Fetches image sets from the mirrors that torchvision knows: a file is put in place whole and checked, or not."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core import files
from core.data import registry
from core.errors import DataError, UserError

TIMEOUT_SECONDS = 15
REPORT_SECONDS = 0.1
CHUNK_BYTES = 1 << 16
ARCHIVE_LIMIT = 1 << 28


class DownloadError(UserError):
    """What kept a file from being fetched, in one line."""


@dataclass(frozen=True)
class Archive:
    """A gzip file: where it can be had, the best address first, and its MD5 checksum."""

    urls: tuple[str, ...]
    md5: str

    @property
    def name(self) -> str:
        return self.urls[0].rpartition("/")[2]

    @property
    def content_name(self) -> str:
        """The name of the file that it unpacks to."""
        return self.name.removesuffix(".gz")


@dataclass(frozen=True)
class Progress:
    """How far a download is. The two numbers of bytes are equal once the file is in place, and only then."""

    file: str
    file_index: int
    files: int
    bytes_done: int
    bytes_total: int | None


def download(name: str, data_dir: Path, on_progress: Callable[[Progress], None] | None = None) -> None:
    """Fetch the files of a set that are missing, from torchvision's mirrors and checked by its MD5 sums.

    Whatever `on_progress` raises ends the download and leaves no half file. Raises DataError.
    """
    missing = registry.missing_files(name, data_dir)
    place = registry.folder(name, data_dir)
    if not missing or place is None:
        return
    try:
        fetch([archive for archive in _archives(name) if archive.content_name in missing], place, on_progress)
    except DownloadError as error:
        raise DataError(
            f"cannot download {name} to {place}: {error}; {registry.EMBEDDED} needs no download, "
            f"and files that are copied there are found, packed or not: {', '.join(missing)}"
        ) from error


def _archives(name: str) -> list[Archive]:
    try:
        import torchvision.datasets
    except (ImportError, RuntimeError) as error:
        raise DataError(f"torchvision, which knows where {name} is, does not fit this PyTorch: {error}") from error
    published = getattr(torchvision.datasets, registry.SETS[name].torchvision_name)
    if isinstance(published.resources, dict):
        return [Archive((url,), md5) for split in ("train", "test") for url, md5 in published.resources[split]]
    return [Archive(tuple(f"{mirror}{file}" for mirror in published.mirrors), md5) for file, md5 in published.resources]


def fetch(archives: Sequence[Archive], folder: Path, on_progress: Callable[[Progress], None] | None = None) -> None:
    """Put the unpacked archives into a folder, each only after its checksum was right.

    Nothing half is left behind, also when `on_progress` raises, and no folder that is empty. Raises DownloadError.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"the folder cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK):
        raise DownloadError("the folder cannot be written to")
    try:
        _fetch_all(archives, folder, on_progress)
    finally:
        for path in made:
            with suppress(OSError):  # not empty: something was fetched
                path.rmdir()


def _fetch_all(archives: Sequence[Archive], folder: Path, on_progress: Callable[[Progress], None] | None) -> None:
    for index, archive in enumerate(archives):

        def report(done: int, total: int | None, index: int = index, archive: Archive = archive) -> None:
            if on_progress is not None:
                on_progress(Progress(archive.name, index, len(archives), done, total))

        packed = _from_first_mirror(archive, report)
        _put(folder / archive.content_name, gzip.decompress(packed))
        report(len(packed), len(packed))


def _from_first_mirror(archive: Archive, report: Callable[[int, int | None], None]) -> bytes:
    """The archive from the first mirror that gives it whole. Raises DownloadError naming every failure."""
    failures = []
    for url in archive.urls:
        try:
            packed = _receive(url, report)
            found = hashlib.md5(packed, usedforsecurity=False).hexdigest()
            if found == archive.md5:
                return packed
            failures.append(f"{urlsplit(url).netloc} gave a wrong checksum (md5 {found}, not {archive.md5})")
        except DownloadError as error:
            failures.append(f"{urlsplit(url).netloc} {error}")
    raise DownloadError(f"{archive.name}: {', '.join(failures)}")


def _receive(url: str, report: Callable[[int, int | None], None]) -> bytes:
    received = bytearray()
    reported = time.monotonic()
    report(0, None)
    with closing(_chunks(url)) as chunks:
        for chunk, total in chunks:
            received += chunk
            if time.monotonic() - reported >= REPORT_SECONDS and len(received) != total:
                reported = time.monotonic()
                report(len(received), total)
    return bytes(received)


def _chunks(url: str) -> Generator[tuple[bytes, int | None], None, None]:
    """The body in pieces, each with the announced length of the whole. Raises DownloadError."""
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    done = 0
    try:
        with urlopen(Request(url, headers={"User-Agent": "vae-tui"}), timeout=TIMEOUT_SECONDS) as response:
            total = response.length
            while chunk := response.read1(CHUNK_BYTES):
                done += len(chunk)
                if done > ARCHIVE_LIMIT:
                    raise DownloadError(f"sent more than {ARCHIVE_LIMIT:,} bytes")
                yield chunk, total
    except (OSError, HTTPException) as error:
        raise DownloadError(_reason(error)) from error
    if total is not None and done < total:
        raise DownloadError(f"broke off after {done:,} of {total:,} bytes")


def _reason(error: Exception) -> str:
    """Why a mirror failed, without any text that the mirror could choose."""
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        return f"answered with HTTP status {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"did not answer within {TIMEOUT_SECONDS} seconds"
    if isinstance(cause, OSError) and cause.strerror:
        return f"cannot be reached ({cause.strerror})"
    return f"broke off ({type(cause).__name__})"


def _put(path: Path, content: bytes) -> None:
    try:
        files.replace(path, content)
    except OSError as error:
        raise DownloadError(f"{path.name} cannot be written ({error.strerror})") from error
    # Whoever may look into the folder may read what is in it; some file systems know no permissions.
    with suppress(OSError):
        path.chmod(stat.S_IMODE(path.parent.stat().st_mode) & 0o444 | 0o600)
