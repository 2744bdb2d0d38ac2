"""A file of an image set that is not what it should be is named in one line, before it is read."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data import registry
from core.data.images import load_image_set
from core.errors import DataError
from tests.support.image_sets import CLASSES, PUBLISHED, TRAIN, file_names, idx, put, tiny_set


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("length", [0, 1, 4, 7, 15, 16, -1])
def test_a_file_cut_at_any_length_is_named(name: str, position: int, length: int, tmp_path: Path) -> None:
    contents = tiny_set(name)
    file = file_names(name)[position]
    put(name, tmp_path, contents | {file: contents[file][:length]})
    assert str(tmp_path / CLASSES[name] / "raw" / file) in damage(name, tmp_path)


def damage(name: str, data_dir: Path) -> str:
    """What loading says of a damaged set: one line."""
    with pytest.raises(DataError) as caught:
        load_image_set(name, data_dir)
    said = str(caught.value)
    assert "\n" not in said and "damaged" in said
    return said


def header(magic: int, *sizes: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in (magic, *sizes))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(0x803, TRAIN, 28, 28) + bytes(TRAIN * 784 - 1), "15,695 bytes.*asks for 15,696"),
        (header(0x803, TRAIN, 28, 28) + bytes(TRAIN * 784 + 1), "15,697 bytes.*asks for 15,696"),
        (b"<!DOCTYPE html><title>log in</title>", "begins with 3c21444f, not 00000803"),
        (header(0x801, TRAIN) + bytes(TRAIN), "begins with 00000801, not 00000803"),
        (header(0xD03, TRAIN, 28, 28) + bytes(TRAIN * 784 * 4), "begins with 00000d03"),
        (header(0x803, TRAIN, 14, 56) + bytes(TRAIN * 784), "14 x 56, not 28 x 28"),
        (header(0x803, 0, 28, 28), "says 0 items"),
        (header(0x803, 0xFFFFFFFF, 28, 28), "says 4,294,967,295 items"),
        (header(0x803, 60_000, 28, 28), "16 bytes.*asks for 47,040,016"),
    ],
    ids=["a byte short", "a byte long", "web page", "labels", "floats", "other shape", "empty", "huge", "only header"],
)
def test_a_file_that_is_no_set_of_images_is_named_with_what_is_wrong(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    file = "train-images-idx3-ubyte"
    put("mnist", tmp_path, tiny_set() | {file: content})
    said = damage("mnist", tmp_path)
    assert file in said
    assert re.search(reason, said), said
    with pytest.raises(DataError) as seen_early:
        registry.check("mnist", tmp_path)
    assert str(seen_early.value) == said


def test_a_header_that_matches_a_gigantic_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = put("mnist", tmp_path) / "t10k-images-idx3-ubyte"
    count = 2_000_000
    path.write_bytes(header(0x803, count, 28, 28))
    os.truncate(path, 16 + count * 784)
    started = time.perf_counter()
    assert "says 2,000,000 items" in damage("mnist", tmp_path)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("name", "labels", "reason"),
    [
        ("mnist", np.arange(TRAIN, dtype=np.uint8), "has the label 10"),
        ("mnist", np.zeros(TRAIN - 1, np.uint8), "19 labels for the 20 images"),
        ("qmnist", np.full((TRAIN, 8), -1, np.int32), "has the label -1"),
        ("qmnist", np.zeros((TRAIN, 7), np.int32), "7, not 8"),
        ("qmnist", np.zeros((TRAIN + 1, 8), np.int32), "21 labels for the 20 images"),
    ],
)
def test_labels_that_do_not_belong_to_the_images_are_named(name: str, labels: Any, reason: str, tmp_path: Path) -> None:
    file = file_names(name)[1]
    put(name, tmp_path, tiny_set(name) | {file: idx(labels)})
    said = damage(name, tmp_path)
    assert file in said and reason in said


def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    path = put("mnist", tmp_path) / "train-labels-idx1-ubyte"
    path.unlink()
    os.mkfifo(path)
    assert f"{path} is damaged: it is not a regular file" in damage("mnist", tmp_path)
    path.unlink()
    path.mkdir()
    assert f"{path} is damaged: it is not a regular file" in damage("mnist", tmp_path)


def test_files_may_be_links_into_a_shared_copy(tmp_path: Path) -> None:
    shared = put("mnist", tmp_path / "shared")
    place = tmp_path / "mine" / "MNIST" / "raw"
    place.mkdir(parents=True)
    for file in file_names("mnist"):
        (place / file).symlink_to(shared / file)
    assert len(load_image_set("mnist", tmp_path / "mine").train_images) == TRAIN
