"""Files are read with patience, and what fails leaves nothing open."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import files
from core.errors import ConfigError, DamagedFile


def failing(times: int, number: int) -> Iterator[OSError | None]:
    yield from [OSError(number, os.strerror(number))] * times
    while True:
        yield None


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ETIMEDOUT])
@pytest.mark.parametrize("call", ["open", "fstat", "read"])
def test_9_a_file_that_cannot_be_read_in_passing_is_read_again_and_nothing_stays_open(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(b"content")
    before = open_files()
    errors = failing(3, number)
    with monkeypatch.context() as patch:
        patch.setattr("core.files.PAUSES", (0.0, 0.0, 0.0))
        real = getattr(os, call)

        def fail(*arguments: object) -> object:
            if error := next(errors):
                raise error
            return real(*arguments)

        patch.setattr(os, call, fail)
        assert files.read(path, 100) == b"content"
        errors = failing(4, number)
        with pytest.raises(OSError, match=os.strerror(number)):
            files.read(path, 100)
    assert open_files() == before


def test_what_will_not_pass_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refuse() -> None:
        tries.append(1)
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        files.persist(refuse)
    assert len(tries) == 1


def test_11_a_tilde_without_a_home_folder_is_told_in_one_line() -> None:
    with pytest.raises(ConfigError, match="no such home folder"):
        files.expanded("~nobody-of-that-name/x")
    assert files.expanded("~/x") == Path.home() / "x"
    assert files.expanded("a~") == Path("a~")


def test_names_of_the_longest_kind_are_written_side_by_side_and_never_cut_in_a_letter(tmp_path: Path) -> None:
    names = [f"{'x' + 125 * 'ä'}{end:04}" for end in range(2)]
    assert {len(name.encode()) for name in names} == {255}
    with files.replacing(tmp_path / names[0]) as first, files.replacing(tmp_path / names[1]) as second:
        first.write(b"first")
        second.write(b"second")
        assert len([path.name.encode() for path in tmp_path.iterdir()]) == 2
        files.remove_temporary_files(tmp_path, ["state.pt"])
    assert [(tmp_path / name).read_bytes() for name in names] == [b"first", b"second"]
    files.make_folder(tmp_path / ("f" * 255), 0o700, lambda folder: None)
    assert {path.name for path in tmp_path.iterdir()} == {*names, "f" * 255}


def test_a_file_that_grows_while_it_is_read_is_read_whole_within_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = tmp_path / "status.json", os.read
    path.write_bytes(b"begun")

    def grow(descriptor: int, most: int) -> bytes:
        content = read(descriptor, most)
        if path.stat().st_size == 5:
            path.write_bytes(b"begun" + bytes(10_000))
        return content

    monkeypatch.setattr(os, "read", grow)
    assert files.read(path, 20_000) == b"begun" + bytes(10_000)
    path.write_bytes(b"begun")
    with pytest.raises(DamagedFile, match="larger than 5,000 bytes"):
        files.read(path, 5_000)
