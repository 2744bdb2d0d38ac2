"""Metrics are appended by one trainer and followed by any number of readers."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import files
from core.errors import DamagedFile
from core.runs.metrics.lines import last_lines
from core.runs.metrics.log import MetricsLog
from core.runs.metrics.reader import MetricsReader

Line = dict[str, object]


def step(number: int, loss: float = 1.0) -> Line:
    return {
        "kind": "step",
        "epoch": 0,
        "step": number,
        "time": 0.1,
        "loss": loss,
        "reconstruction": 1,
        "kl": 0,
    }


def epoch(number: int, val_loss: float | None = None) -> Line:
    return {"kind": "epoch", "epoch": number, "step": number * 10, "time": 1.0, "train_loss": 2.5, "val_loss": val_loss}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def write(path: Path, *lines: Line | bytes) -> None:
    with path.open("ab") as file:
        for line in lines:
            file.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")


def test_a_reader_sees_what_the_log_appends(path: Path) -> None:
    reader = MetricsReader(path)
    assert not reader.poll()
    with MetricsLog(path) as log:
        log.append(step(1, 5.0))
        log.append(epoch(1, None))
        assert reader.poll()
        log.append(step(2, 4.0))
        assert reader.poll()
    assert reader.steps["loss"].tolist() == [5.0, 4.0]
    assert reader.epochs["train_loss"].tolist() == [2.5]
    assert np.isnan(reader.epochs["val_loss"]).all()
    assert not reader.poll()


def test_a_column_taken_earlier_does_not_change(path: Path) -> None:
    reader = MetricsReader(path)
    write(path, step(1))
    reader.poll()
    early = reader.steps["step"]
    write(path, *[step(number) for number in range(2, 2000)])
    reader.poll()
    assert early.tolist() == [1]
    assert len(reader.steps) == 1999
    with pytest.raises(ValueError, match="read-only"):
        early[0] = 7


@pytest.mark.parametrize("since", [1, 10, 300])
def test_the_last_epoch_is_found_behind_the_steps_since_then(since: int, path: Path) -> None:
    write(path, *map(step, range(500)), epoch(5, 4.5), *map(step, range(500, 500 + since)))
    found = last_lines(path)
    assert (found["epoch"]["val_loss"], found["step"]["step"]) == (4.5, 499 + since)


def test_a_half_written_line_is_read_once_it_is_whole(path: Path) -> None:
    whole = json.dumps(step(1)).encode() + b"\n"
    reader = MetricsReader(path)
    write(path, whole[:20])
    reader.poll()
    assert len(reader.steps) == 0
    write(path, whole[20:])
    reader.poll()
    assert (len(reader.steps), reader.damaged_lines) == (1, 0)


def test_a_reader_starts_over_when_a_resume_cut_the_file_back(path: Path) -> None:
    reader = MetricsReader(path)
    with MetricsLog(path) as log:
        log.append(step(1))
        length = log.sync()
        log.append(step(2, 9.0))
        reader.poll()
        log.cut(length)
        # Even when the file is longer than before by the time it is read again.
        for number in range(2, 30):
            log.append(step(number, 3.0))
        reader.poll()
    assert reader.steps["loss"].tolist() == [1.0] + 28 * [3.0]


def test_cutting_drops_a_line_that_was_never_ended(path: Path) -> None:
    write(path, step(1), b'{"kind":"st')
    with MetricsLog(path) as log:
        log.cut(path.stat().st_size)
        log.append(step(2))
    reader = MetricsReader(path)
    reader.poll()
    assert (reader.steps["step"].tolist(), reader.damaged_lines) == ([1, 2], 0)


@pytest.mark.parametrize(
    "damage",
    [
        b"not json\n",
        b"\x00\xff\xfe\n",
        b"[1, 2]\n",
        b'{"kind": "step", "step": "seven"}\n',
        b'{"kind": "step", "step": true}\n',
        b'{"kind": "step", "step": 1' + 400 * b"0" + b"}\n",
        b'{"kind": 7}\n',
        b'{"step": 3}\n',
        200 * b"[" + 200 * b"]" + b"\n",
        b'{"kind": "step", "note": "' + 100_000 * b"x" + b'"}\n',
    ],
)
def test_a_damaged_line_is_counted_and_its_neighbours_are_read(path: Path, damage: bytes) -> None:
    write(path, *[step(number) for number in range(10)], damage, *[step(number) for number in range(10, 20)])
    reader = MetricsReader(path)
    reader.poll()
    assert reader.steps["step"].tolist() == list(range(20))
    assert reader.damaged_lines == 1


def newer_lines(number: int) -> list[bytes]:
    """What a later version may write: kinds and keys of its own, plain or nested."""
    known = json.dumps(step(number))[:-1].encode()
    return [
        b'{"kind": "sample", "file": "0001.png"}\n',
        b'{"kind": "sample", "grid": {"rows": [[1, 2], {}]}}\n',
        known + b', "sharpness": "large"}\n',
        known + b', "layers": {"encoder": [0.5, {"mean": null}]}}\n',
    ]


def test_kinds_and_keys_of_a_newer_version_are_skipped_and_are_no_damage(path: Path) -> None:
    write(path, *[line for number in range(1001) for line in newer_lines(number)])
    reader = MetricsReader(path)
    reader.poll()
    assert reader.steps["step"].tolist() == [number for number in range(1001) for _ in range(2)]
    assert reader.damaged_lines == 0
    assert last_lines(path)["step"]["step"] == 1000


def test_lines_of_an_older_version_lack_what_it_did_not_measure(path: Path) -> None:
    newer = [dict(step(number), gradient_norm=float(number)) for number in range(3)]
    for lines in ([step(7)], newer, [step(8), *newer], [*newer, step(9)]):  # each read at once
        path.unlink(missing_ok=True)
        write(path, *lines)
        reader = MetricsReader(path)
        reader.poll()
        found = [None if math.isnan(norm) else norm for norm in reader.steps["gradient_norm"].tolist()]
        assert found == [line.get("gradient_norm") for line in lines]
        assert reader.steps["step"].tolist() == [line["step"] for line in lines]


def test_a_line_without_end_does_not_fill_the_memory(path: Path) -> None:
    write(path, step(1))
    with path.open("r+b") as file:
        file.truncate(300 << 20)  # a hole: reads as zeros, takes no space
    write(path, b"\n", step(2))
    reader = MetricsReader(path)
    reader.poll()
    assert reader.steps["step"].tolist() == [1, 2]
    assert reader.damaged_lines == 1


def test_a_file_of_something_else_is_refused_soon(path: Path) -> None:
    write(path, b"x\n" * 1_000_000)
    with pytest.raises(DamagedFile, match="holds something else than metrics"):
        MetricsReader(path).poll()


def test_numbers_that_are_not_finite_are_never_written(path: Path) -> None:
    with MetricsLog(path) as log, pytest.raises(ValueError, match="not JSON compliant"):
        log.append(step(1, float("nan")))


def test_the_last_lines_are_found_without_reading_a_long_file(path: Path) -> None:
    assert last_lines(path) == {}
    write(path, epoch(1, 7.0), *[step(number) for number in range(50)], b"rubbish\n", b'{"kind": "step", "st')
    found = last_lines(path)
    assert found["epoch"]["val_loss"] == 7.0
    assert found["step"]["step"] == 49


def test_9_a_log_that_went_stale_is_opened_again_and_loses_no_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale, away = True, False
    write, open_file = os.write, os.open

    def write_unless_stale(descriptor: int, content: bytes) -> int:
        if stale:
            raise OSError(errno.ESTALE, "Stale file handle")
        return write(descriptor, content)

    def open_anew(*arguments: Any) -> int:
        nonlocal stale
        if away:
            raise OSError(errno.ESTALE, "Stale file handle")
        stale = False
        return open_file(*arguments)

    with MetricsLog(path) as log:
        log.append(step(1))
        monkeypatch.setattr(os, "write", write_unless_stale)
        monkeypatch.setattr(os, "open", open_anew)
        log.append(step(2))
        for away in (True, True):  # noqa: B007
            with pytest.raises(OSError, match="Stale"):
                log.sync()
        away = False
        log.sync()
        log.append(step(3))
        assert log.sync() == path.stat().st_size
        with pytest.raises(BlockingIOError):
            MetricsLog(path)
    reader = MetricsReader(path)
    reader.poll()
    assert reader.steps["step"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_8_a_file_system_that_brings_nothing_to_the_disk_when_told_is_used_all_the_same(
    refusal: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(refusal, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    with MetricsLog(path) as log:
        log.append(step(1))
        assert log.sync() == path.stat().st_size
    files.replace(path.with_name("status.json"), b"{}")
    assert path.with_name("status.json").read_bytes() == b"{}"
