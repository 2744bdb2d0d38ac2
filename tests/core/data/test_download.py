"""A download leaves a whole and checked set, or nothing; what went wrong is said in one line."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torchvision

from core.data import download
from core.data.download import Progress
from core.data.images import load_image_set
from core.errors import DataError
from tests.support.image_sets import CLASSES, PUBLISHED, TRAIN, put
from tests.support.mirror import Mirror

OpenMirror = Callable[[], Mirror]
Publish = Callable[..., dict[str, bytes]]


def on_disk(data_dir: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden and temporary ones too."""
    return {path.name: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}


def refusal(name: str, data_dir: Path) -> str:
    """What a failed download says: one line that names the set and what needs no download."""
    with pytest.raises(DataError) as caught:
        download.download(name, data_dir)
    said = str(caught.value)
    assert "\n" not in said and name in said and "mnist-5k" in said
    return said


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_downloaded_set_lies_unpacked_where_torchvision_looks_for_it(
    name: str, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    contents = publish(open_mirror(), name=name)
    download.download(name, tmp_path / "new" / "folder")
    assert on_disk(tmp_path) == contents
    assert len(load_image_set(name, tmp_path / "new" / "folder").train_images) == TRAIN
    assert len(getattr(torchvision.datasets, CLASSES[name])(tmp_path / "new" / "folder", train=True)) == TRAIN


def test_a_download_tells_how_far_it_is_and_ends_each_file_once(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "REPORT_SECONDS", 0)
    mirror = open_mirror()
    contents = publish(mirror)
    told: list[Progress] = []

    def listen(news: Progress) -> None:
        told.append(news)
        if news.bytes_done == news.bytes_total:
            assert (tmp_path / "MNIST" / "raw" / news.file.removesuffix(".gz")).is_file()

    download.download("mnist", tmp_path, listen)
    ends = [news for news in told if news.bytes_done == news.bytes_total]
    assert [news.file for news in ends] == [f"{file}.gz" for file in contents]
    assert [news.file_index for news in ends] == [0, 1, 2, 3]
    assert {news.files for news in told} == {4}
    assert [news.bytes_done for news in ends] == [len(body) for body in mirror.bodies.values()]


@pytest.mark.parametrize("announced", [True, False])
def test_progress_is_told_about_ten_times_a_second(
    announced: bool, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    file = "train-images-idx3-ubyte.gz"
    length = len(mirror.bodies[f"/{file}"])
    mirror.announced = len if announced else lambda body: None

    def drip(out: Any, body: bytes) -> None:
        step = max(1, len(body) // 30)
        for first in range(0, len(body), step):
            out.write(body[first : first + step])
            time.sleep(0.02)

    mirror.send = drip
    told: list[tuple[float, Progress]] = []
    download.download("mnist", tmp_path, lambda news: told.append((time.monotonic(), news)))
    times = [moment for moment, news in told if news.file == file]
    news = [news for _, news in told if news.file == file]
    assert len(times) - 2 <= (times[-1] - times[0]) / 0.1
    assert len(times) >= 5
    assert [one.bytes_done for one in news] == sorted(one.bytes_done for one in news)
    assert {one.bytes_total for one in news[1:-1]} == {length if announced else None}
    assert news[-1].bytes_done == news[-1].bytes_total == length


def test_only_what_is_missing_is_downloaded(open_mirror: OpenMirror, publish: Publish, tmp_path: Path) -> None:
    mirror = open_mirror()
    contents = publish(mirror)
    place = put("mnist", tmp_path, contents)
    (place / "t10k-labels-idx1-ubyte").unlink()
    download.download("mnist", tmp_path)
    assert mirror.asked == ["/t10k-labels-idx1-ubyte.gz"]
    download.download("mnist", tmp_path)
    download.download("mnist-5k", tmp_path)
    assert len(mirror.asked) == 1
    assert on_disk(tmp_path) == contents


def test_a_wrong_checksum_names_file_and_mirror_and_leaves_nothing(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    mirror.bodies["/train-images-idx3-ubyte.gz"] = gzip.compress(b"something else")
    said = refusal("mnist", tmp_path)
    assert "train-images-idx3-ubyte.gz" in said and f"{mirror.netloc} gave a wrong checksum" in said
    assert str(tmp_path / "MNIST" / "raw") in said
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize("fault", ["wrong checksum", "not found", "server error", "truncated", "silent", "no HTTP"])
def test_the_next_mirror_is_tried_after_any_fault(
    fault: str, open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = open_mirror(), open_mirror()
    contents = publish(first, second)
    ended = threading.Event()
    match fault:
        case "wrong checksum":
            first.bodies = dict.fromkeys(first.bodies, b"log in to this network")
        case "not found":
            first.bodies = {}
        case "server error":
            first.status = 500
        case "truncated":
            first.announced = lambda body: len(body) + 1
        case "silent":
            monkeypatch.setattr(download, "TIMEOUT_SECONDS", 2.0)
            first.send = lambda out, body: ended.wait(10)
        case "no HTTP":
            first.instead = b"220 a mail server\r\n"
    try:
        download.download("mnist", tmp_path)
    finally:
        ended.set()
    assert len(first.asked) == 4
    assert on_disk(tmp_path) == contents


def test_a_transfer_that_breaks_off_leaves_nothing_and_says_how_far_it_came(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    length = len(mirror.bodies["/train-images-idx3-ubyte.gz"])
    mirror.announced = lambda body: len(body) + 1000
    assert f"{mirror.netloc} broke off after {length:,} of {length + 1000:,} bytes" in refusal("mnist", tmp_path)
    assert on_disk(tmp_path) == {}


def test_every_mirror_that_failed_is_named_with_its_reason(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    mirror = open_mirror()
    publish(f"http://127.0.0.1:{port}/", mirror)
    mirror.bodies = {}
    said = refusal("mnist", tmp_path)
    assert f"127.0.0.1:{port} cannot be reached (Connection refused)" in said
    assert f"{mirror.netloc} answered with HTTP status 404" in said


def test_a_download_that_fails_leaves_no_new_folder(open_mirror: OpenMirror, publish: Publish, tmp_path: Path) -> None:
    mirror = open_mirror()
    publish(mirror)
    mirror.bodies = {}
    refusal("mnist", tmp_path / "mistyped" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_cut_off(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ARCHIVE_LIMIT", 1000)
    publish(open_mirror())
    assert "sent more than 1,000 bytes" in refusal("mnist", tmp_path)


@pytest.mark.parametrize("obstacle", ["", "MNIST", "MNIST/raw"])
def test_a_folder_that_cannot_be_made_is_named_before_anything_is_fetched(
    obstacle: str, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    publish(mirror)
    in_the_way = tmp_path / "data" / obstacle
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("a file in the place of the folder")
    said = refusal("mnist", tmp_path / "data")
    assert f"{tmp_path / 'data' / 'MNIST' / 'raw'}: the folder cannot be made" in said
    assert mirror.asked == []


def test_a_full_disk_is_an_error_that_leaves_nothing(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    publish(open_mirror())
    monkeypatch.setattr(os, "fsync", full)
    said = refusal("mnist", tmp_path)
    assert "train-images-idx3-ubyte cannot be written (No space left on device)" in said
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), RuntimeError("cancelled"), BrokenPipeError(32, "Broken pipe")])
@pytest.mark.parametrize("after", [0, 3, 4])
def test_a_listener_that_raises_ends_the_download_and_leaves_only_whole_files(
    reason: BaseException, after: int, open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    mirror = open_mirror()
    contents = publish(mirror)
    told: list[Progress] = []

    def interrupt(news: Progress) -> None:
        told.append(news)
        if len(told) > after:
            raise reason

    with pytest.raises(type(reason)):
        download.download("mnist", tmp_path, interrupt)
    assert len(told) == after + 1
    left = on_disk(tmp_path)
    assert left.items() <= contents.items()
    assert len(left) == (after + 1) // 2
    download.download("mnist", tmp_path)
    assert on_disk(tmp_path) == contents


def test_downloaded_files_may_be_read_by_whoever_may_look_into_the_folder(
    open_mirror: OpenMirror, publish: Publish, tmp_path: Path
) -> None:
    publish(open_mirror())
    place = tmp_path / "MNIST" / "raw"
    place.mkdir(parents=True)
    for folder_mode, file_mode in ((0o755, 0o644), (0o700, 0o600), (0o770, 0o640)):
        place.chmod(folder_mode)
        download.download("mnist", tmp_path)
        assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {file_mode}
        for path in place.iterdir():
            path.unlink()
