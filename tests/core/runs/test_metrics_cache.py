"""What was read of a long metrics file is not parsed again, and never stands for another content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import files
from core.runs.metrics import cache, reader
from core.runs.metrics.lines import Row
from core.runs.metrics.reader import MetricsReader


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A metrics file of which everything is worth keeping."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "WORTH", 1)
    monkeypatch.setattr(cache, "ENDS", 100)
    found = tmp_path / "metrics.jsonl"
    found.write_bytes(lines(0, 100) + epoch(1) + b"damage\n" + lines(100, 200) + lines(200, 201)[:20])
    return found


def lines(first: int, last: int, loss: float = 1.5) -> bytes:
    rows = [
        {"kind": "step", "epoch": 0, "step": number, "time": number / 2, "loss": loss} for number in range(first, last)
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def epoch(number: int) -> bytes:
    return json.dumps({"kind": "epoch", "epoch": number, "step": 1, "time": 1.0, "val_loss": None}).encode() + b"\n"


def read(path: Path) -> MetricsReader:
    """A reader after two polls: what the first one reads is kept by the next."""
    found = MetricsReader(path)
    found.poll()
    found.poll()
    return found


def assert_alike(found: MetricsReader, expected: MetricsReader) -> None:
    assert np.array_equal(found.steps.values, expected.steps.values, equal_nan=True)
    assert np.array_equal(found.epochs.values, expected.epochs.values, equal_nan=True)
    assert found.damaged_lines == expected.damaged_lines


def parsed_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> MetricsReader:
    with monkeypatch.context() as without:
        without.setattr(cache, "WORTH", 1 << 40)
        return read(path)


def count_parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of lines of each part that is parsed from now on."""
    counts: list[int] = []
    parse = reader.parse

    def counted(given: list[bytes]) -> list[Row]:
        counts.append(len(given))
        return parse(given)

    monkeypatch.setattr(reader, "parse", counted)
    return counts


@pytest.mark.parametrize("rests", [False, True])
def test_a_file_is_parsed_once_and_then_followed(path: Path, monkeypatch: pytest.MonkeyPatch, rests: bool) -> None:
    if rests:
        os.utime(path, (1e9, 1e9))
    first = read(path)
    assert first.damaged_lines == 1
    counts = count_parsed(monkeypatch)
    again = read(path)
    assert_alike(again, first)
    assert counts == []
    with path.open("ab") as file:
        file.write(lines(200, 201)[20:] + lines(201, 203))
    again.poll()
    assert counts == [3]
    assert again.steps["step"].tolist() == list(range(203))
    assert_alike(read(path), again)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "cut back and trained on": lambda content: (
        content[: len(content) // 2].rpartition(b"\n")[0] + b"\n" + lines(90, 300, 7.0)
    ),
    "cut back": lambda content: lines(0, 50),
    "changed in the middle": lambda content: content.replace(b'"step": 60, "time": 30.0', b'"step": 61, "time": 30.5'),
    "another run": lambda content: lines(0, 250, 9.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_content_is_parsed_anew(path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    read(path)
    path.write_bytes(CHANGES[change](path.read_bytes()))
    assert_alike(read(path), parsed_anew(path, monkeypatch))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-8],
    "flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "no header": lambda content: b"{}\n" + content,
    "another version": lambda content: content.replace(b'"kl"', b'"KL"', 1),
    "too many rows": lambda content: content.replace(b'"rows":[200', b'"rows":[99999999999', 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_as_good_as_none(path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    expected = read(path)
    (kept,) = (path.parent / "cache" / "vae-tui" / "metrics").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(DAMAGES[damage](whole))
    assert kept.read_bytes() != whole
    counts = count_parsed(monkeypatch)
    assert_alike(read(path), expected)
    assert sum(counts) > 100
    assert kept.read_bytes() == whole


def test_the_oldest_make_room_for_what_is_kept(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(path)
    other = tmp_path / "other.jsonl"
    other.write_bytes(path.read_bytes())
    monkeypatch.setattr(cache, "KEPT", 20_000)
    read(other)
    assert len([*(tmp_path / "cache" / "vae-tui" / "metrics").iterdir()]) == 1
    counts = count_parsed(monkeypatch)
    read(other)
    assert counts == []


def test_nothing_is_kept_of_a_short_file_or_where_nothing_can_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed_anew(path, monkeypatch)
    assert not (path.parent / "cache").exists()

    def refuse(place: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(place))

    monkeypatch.setattr(files, "replace", refuse)
    assert len(read(path).steps) == 200


def test_a_first_poll_that_ended_early_is_gone_on_with_and_its_part_is_not_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(path)
    cache._place(path).unlink()
    monkeypatch.setattr(reader, "READ_AT_ONCE", 100)
    found = MetricsReader(path)
    assert found.poll(seconds=0)
    first = len(found.steps)
    assert 0 < first < 10
    assert 1 - found.unread == pytest.approx(100 / path.stat().st_size)
    assert found.poll(seconds=0)
    assert len(found.steps) > first
    assert not cache._place(path).exists()
    assert found.poll()
    assert found.unread == 0
    assert_alike(found, expected)
    assert not found.poll()
    assert cache._place(path).exists()
