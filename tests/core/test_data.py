"""The image sets: what is on disk, what is read from it, and how it gets there."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from core import data, download
from core.data import DataError, Progress

PUBLISHED = ("mnist", "fashion-mnist", "kmnist", "qmnist")
CLASSES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "qmnist": "QMNIST"}
TRAIN, VALIDATION = 20, 10


def idx(array: Any) -> bytes:
    """An array in the IDX format, written down independently of the reader."""
    code = {np.dtype("uint8"): 8, np.dtype("int32"): 12}[array.dtype]
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def tiny_set(name: str = "mnist") -> dict[str, bytes]:
    """The four files of a set of 20 and 10 random images, in torchvision's order."""
    random = np.random.default_rng(0)
    contents = []
    for count in (TRAIN, VALIDATION):
        contents.append(idx(random.integers(0, 256, (count, 28, 28), dtype=np.uint8)))
        labels = np.arange(count, dtype=np.uint8) % 10
        if name == "qmnist":
            rows = random.integers(0, 1 << 20, (count, 8), dtype=np.int32)
            rows[:, 0] = labels
            labels = rows
        contents.append(idx(labels))
    return dict(zip(file_names(name), contents, strict=True))


def file_names(name: str) -> list[str]:
    """The names of the four files as torchvision publishes them."""
    resources = getattr(torchvision.datasets, CLASSES[name]).resources
    if isinstance(resources, dict):
        resources = [*resources["train"], *resources["test"]]
    return [Path(file).stem for file, _ in resources]


def put(name: str, data_dir: Path, contents: dict[str, bytes] | None = None) -> Path:
    place = data_dir / CLASSES[name] / "raw"
    place.mkdir(parents=True, exist_ok=True)
    for file, content in (contents or tiny_set(name)).items():
        (place / file).write_bytes(content)
    return place


# What is there, and which set is meant


def test_importing_the_module_imports_nothing_heavy() -> None:
    code = "import sys, core.data; print([m for m in ('torch', 'torchvision', 'mlxtend', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_looking_for_a_set_imports_nothing_heavy_either(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core import data; "
        "data.describe_sets(Path(sys.argv[1])); data.resolve('auto', Path(sys.argv[1])); "
        "print('torch' in sys.modules, 'torchvision' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_set_is_on_disk_when_each_of_torchvisions_files_is_there(name: str, tmp_path: Path) -> None:
    place = put(name, tmp_path)
    assert data.folder(name, tmp_path) == place
    assert data.is_on_disk(name, tmp_path)
    for file in file_names(name):
        content = (place / file).read_bytes()
        (place / file).unlink()
        assert not data.is_on_disk(name, tmp_path), file
        (place / file).write_bytes(content)


def test_auto_is_mnist_when_it_is_on_disk_and_says_where(tmp_path: Path) -> None:
    place = put("mnist", tmp_path)
    assert data.resolve("auto", tmp_path) == "mnist"
    assert str(place) in data.explain_auto(tmp_path)
    assert "mnist-5k" in data.explain_auto(tmp_path)


def test_auto_is_the_embedded_set_otherwise_and_says_how_to_get_mnist(tmp_path: Path) -> None:
    put("kmnist", tmp_path)
    assert data.resolve("auto", tmp_path) == "mnist-5k"
    said = data.explain_auto(tmp_path)
    assert said.startswith("mnist-5k")
    assert f"vae-tui data --download mnist --data-dir {tmp_path}" in said


def test_a_named_set_stays_what_it_is(tmp_path: Path) -> None:
    assert [data.resolve(name, tmp_path) for name in data.NAMES] == list(data.NAMES)


@pytest.mark.parametrize("ask", [data.resolve, data.is_on_disk, data.folder, data.load, data.download])
def test_an_unknown_name_is_an_error_that_lists_the_names(ask: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'mnits'.*auto, mnist, fashion-mnist, kmnist, qmnist, mnist-5k"):
        ask("mnits", tmp_path)


def test_the_list_of_sets_says_which_are_on_disk_and_where(tmp_path: Path) -> None:
    put("kmnist", tmp_path)
    sets = data.describe_sets(tmp_path)
    assert tuple(found.name for found in sets) == data.NAMES
    assert [found.name for found in sets if found.on_disk] == ["kmnist", "mnist-5k"]
    assert sets[2].folder == tmp_path / "KMNIST" / "raw"
    assert sets[-1].folder is None
    assert json.loads(json.dumps(sets[2].as_json()))["folder"] == str(tmp_path / "KMNIST" / "raw")


def test_the_data_folder_is_the_users_choice_or_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VAE_TUI_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data.default_data_dir() == tmp_path / ".cache/vae-tui/data"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data.default_data_dir() == tmp_path / "xdg/vae-tui/data"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert data.default_data_dir() == tmp_path / "Library/Caches/vae-tui/data"
    monkeypatch.setenv("VAE_TUI_DATA", str(tmp_path / "chosen"))
    assert data.default_data_dir() == tmp_path / "chosen"


# Reading


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_read_is_what_torchvision_reads_padded_by_two(name: str, tmp_path: Path) -> None:
    put(name, tmp_path)
    images = data.load(name, tmp_path)
    published = getattr(torchvision.datasets, CLASSES[name])
    for train, found, labels in (
        (True, images.train_images, images.train_labels),
        (False, images.validation_images, images.validation_labels),
    ):
        expected = published(tmp_path, train=train)
        assert found.dtype == torch.uint8 and found.shape == (TRAIN if train else VALIDATION, 32, 32)
        assert torch.equal(found[:, 2:-2, 2:-2], expected.data)
        assert int(found.sum()) == int(expected.data.sum())
        targets = expected.targets[:, 0] if name == "qmnist" else expected.targets
        assert labels.dtype == torch.int64 and torch.equal(labels, targets)


def test_qmnist_is_validated_on_the_first_ten_thousand_of_its_test_set(tmp_path: Path) -> None:
    contents = tiny_set("qmnist")
    count = 10_007
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(count) % 251
    labels = np.zeros((count, 8), np.int32)
    contents |= dict(zip(file_names("qmnist")[2:], (idx(images), idx(labels)), strict=True))
    put("qmnist", tmp_path, contents)
    found = data.load("qmnist", tmp_path)
    assert len(found.validation_images) == len(found.validation_labels) == 10_000
    assert found.validation_images[:, 2, 2].tolist() == [number % 251 for number in range(10_000)]


def test_the_folder_of_the_environment_is_read_without_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_TUI_DATA", str(tmp_path))
    put("mnist", tmp_path)
    assert len(data.load("mnist").train_images) == TRAIN


def test_a_missing_set_names_the_folder_the_command_and_the_alternative(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        data.load("kmnist", tmp_path)
    said = str(caught.value)
    assert str(tmp_path / "KMNIST" / "raw") in said
    assert f"vae-tui data --download kmnist --data-dir {tmp_path}" in said
    assert "mnist-5k" in said
    assert "\n" not in said


def test_a_set_of_which_one_file_is_missing_names_the_file(tmp_path: Path) -> None:
    (put("mnist", tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        data.load("mnist", tmp_path)


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
        data.load(name, data_dir)
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
)
def test_a_file_that_is_no_set_of_images_is_named_with_what_is_wrong(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    file = "train-images-idx3-ubyte"
    put("mnist", tmp_path, tiny_set() | {file: content})
    said = damage("mnist", tmp_path)
    assert file in said
    pytest.raises(AssertionError, match=reason).__enter__ if False else None
    import re

    assert re.search(reason, said), said
