"""Images of a user's own: whatever they are, they become grey and 28 x 28, or one line says why they cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.data import registry
from core.data.images import load_for_run, load_image_set, load_or_substitute, one_of_each
from core.data.own import paths as own_paths
from core.data.own import reading as own
from core.data.own.pictures import decode
from core.data.registry import ImageSource
from core.errors import DamagedFile, DataError
from tests.support.image_sets import idx, put, tiny_set


def draw(folder: Path, count: int = 12, mode: str = "L", size: tuple[int, int] = (28, 28), suffix: str = "png") -> Path:
    """So many small pictures in a folder, each of another grey."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", size, 20 * number % 256).convert(mode).save(folder / f"{number:02}.{suffix}")
    return folder


def greys(path: Path) -> np.ndarray:
    return decode(path, path.read_bytes())


def test_a_folder_for_each_class_is_split_evenly_and_always_the_same(tmp_path: Path) -> None:
    for name, count in (("cat", 12), ("dog", 18), ("fox", 6)):
        draw(tmp_path / name, count)
    found = own.read("folder", tmp_path)
    assert found.classes == ("cat", "dog", "fox")
    assert np.bincount(found.train_labels).tolist() == [10, 15, 5]
    assert np.bincount(found.validation_labels).tolist() == [2, 3, 1]
    again = own.read("folder", tmp_path)
    assert (again.train_images == found.train_images).all() and again.fingerprint == found.fingerprint
    assert found.description == "30 images to train on, 6 to validate on, 3 classes: 0 cat, 1 dog, 2 fox"
    together = sorted([*found.train_images[:, 0, 0], *found.validation_images[:, 0, 0]])
    assert together == sorted(20 * number % 256 for count in (12, 18, 6) for number in range(count))


def test_one_flat_folder_has_no_labels(tmp_path: Path) -> None:
    found = own.read("folder", draw(tmp_path))
    assert (len(found.train_images), len(found.validation_images), found.classes) == (10, 2, ())
    assert found.description == "10 images to train on, 2 to validate on, without labels"


def test_folders_that_are_named_as_digits_keep_them(tmp_path: Path) -> None:
    for name in ("3", "7"):
        draw(tmp_path / name, 6)
    assert set(own.read("folder", tmp_path).train_labels.tolist()) == {3, 7}


def test_the_fingerprint_changes_with_the_bytes_and_the_names(tmp_path: Path) -> None:
    first = own.read("folder", draw(tmp_path)).fingerprint
    (tmp_path / "03.png").rename(tmp_path / "3.png")
    renamed = own.read("folder", tmp_path).fingerprint
    Image.new("L", (28, 28), 1).save(tmp_path / "00.png")
    assert len({first, renamed, own.read("folder", tmp_path).fingerprint}) == 3


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tif", "ppm"])
def test_any_size_and_format_is_cut_to_its_square_and_scaled(suffix: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (120, 60), (255, 0, 0))
    picture.paste((200, 200, 200), (30, 0, 90, 60))
    picture.save(tmp_path / f"wide.{suffix}")
    found = greys(tmp_path / f"wide.{suffix}")
    assert found.shape == (28, 28) and found.dtype == np.uint8
    assert np.abs(found[2:-2, 2:-2].astype(int) - 200).max() <= 6


def test_sixteen_bits_are_reduced_and_not_cut_off(tmp_path: Path) -> None:
    deep = (np.arange(28 * 28).reshape(28, 28) * 80).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert (greys(tmp_path / "deep.png") == deep >> 8).all()


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (28, 28), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (0, 0, 14, 28))
    picture.save(tmp_path / "alpha.png")
    found = greys(tmp_path / "alpha.png")
    assert (found[:, :14] == 255).all() and (found[:, 14:] == 0).all()


def test_pictures_that_cannot_be_decoded_are_listed(tmp_path: Path) -> None:
    draw(tmp_path, 20, size=(200, 200), suffix="jpg")
    for number in range(7):
        path = tmp_path / f"{number:02}.jpg"
        path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"^7 of the 20 pictures in .*: 00\.jpg \(.*truncated.* and 2 more; take"):
        own.read("folder", tmp_path)


def test_nothing_is_run_to_decode_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\nshowpage\n")
    with pytest.raises(DamagedFile, match="no picture"):
        greys(tmp_path / "a.png")


def _classes(path: Path) -> None:
    for number in range(63):
        draw(path / f"class {number}", 1)


def _beside(path: Path) -> None:
    draw(path / "cat")
    draw(path, 1)


def _splits(path: Path) -> None:
    draw(path / "train" / "cat")
    draw(path / "test" / "cat")


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "has no pictures in it"),
    "too few": (lambda path: draw(path, 11), "has 11 images, at least 12 are needed"),
    "too many classes": (_classes, "has 63 classes, at most 62"),
    "both layouts": (_beside, "has pictures beside its folders of classes, such as 00.png beside cat"),
    "splits": (_splits, "has test and train in it, which are no classes"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_folder_that_cannot_be_used_is_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    make, said = REFUSED[kind]
    make(tmp_path)
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        own.read("folder", tmp_path)
    assert "\n" not in str(caught.value)


def test_arrays_of_keras_and_of_floats_and_of_colours_are_read(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (20, 28, 28), dtype=np.uint8)
    y = np.arange(20) % 10
    np.savez(tmp_path / "keras.npz", x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    keras = own.read("npz", tmp_path / "keras.npz")
    assert (keras.train_images == x).all() and (keras.validation_labels == y[:5]).all()
    np.savez_compressed(tmp_path / "floats.npz", images=x / 255, labels=np.array(["b", "a"] * 10))
    floats = own.read("npz", tmp_path / "floats.npz")
    assert floats.classes == ("a", "b") and set(floats.train_images[:, 0, 0]) <= set(x[:, 0, 0])
    np.savez(tmp_path / "colours.npz", images=np.full((12, 40, 32, 3), 90, np.uint8))
    assert (own.read("npz", tmp_path / "colours.npz").train_images == 90).all()


def test_arrays_that_are_no_images_or_need_pickle_are_refused(tmp_path: Path) -> None:
    x = np.zeros((12, 28, 28), np.uint8)
    wrong = {
        "flat": ({"images": x.reshape(12, -1)}, "not (N, rows, columns)"),
        "objects": ({"images": np.array([{}], object)}, "cannot be object"),
        "negative": ({"images": x - 1.0}, "not 0 to 255 or 0 to 1"),
        "other names": ({"pictures": x}, "no array of images"),
        "labels": ({"images": x, "labels": np.zeros(11, int)}, "for each of images"),
    }
    for name, (arrays, said) in wrong.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=re.escape(said)):
            own.read("npz", tmp_path / f"{name}.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "labels.npz").read_bytes()[:500])
    with pytest.raises(DataError, match=r"no \.npz file that can be read"):
        own.read("npz", tmp_path / "cut.npz")


def test_a_folder_of_idx_files_is_what_the_named_set_is(tmp_path: Path) -> None:
    place = put("mnist", tmp_path)
    named, found = load_image_set("mnist", tmp_path), load_image_set("idx", place)
    assert torch.equal(named.train_images, found.train_images)
    assert torch.equal(named.validation_labels, found.validation_labels)
    for path in place.glob("t10k*"):
        path.unlink()
    assert len(own.read("idx", place).validation_images) == 3
    (place / "emnist-train-images-idx3-ubyte").write_bytes(idx(np.zeros((12, 28, 28), np.uint8)))
    with pytest.raises(DataError, match="one set into a folder of their own"):
        own.read("idx", place)


def test_idx_files_without_training_images_or_with_too_few_labels_are_refused(tmp_path: Path) -> None:
    contents = tiny_set()
    place = put("mnist", tmp_path, contents | {"train-labels-idx1-ubyte": idx(np.zeros(3, np.uint8))})
    with pytest.raises(DataError, match="3 labels for the 20 images"):
        own.read("idx", place)
    (place / "train-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="no file whose name has train and images"):
        own.read("idx", place)


def test_what_is_typed_is_a_kind_and_an_absolute_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    assert registry.source("folder:my/../pictures", Path("sets")) == ("folder", tmp_path / "pictures")
    assert own_paths.parse("npz:~/a:b.npz") == ("npz", Path("/home/someone/a:b.npz"))
    for wrong in ("idx", "idx:", "idx:a\0b"):
        with pytest.raises(DataError, match="idx needs a path: idx:FOLDER"):
            registry.source(wrong, Path("sets"))


@pytest.mark.parametrize("kind", registry.OWN)
def test_a_path_that_cannot_be_looked_at_is_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(cannot be read: File name too long|to read images from)$"):
        registry.check(kind, tmp_path / ("a" * 300))


def test_a_run_says_that_it_has_other_images_and_is_not_trained_on_them(tmp_path: Path) -> None:
    fingerprint, *_ = registry.look_through(ImageSource("folder", draw(tmp_path / "mine")))
    source = ImageSource("folder", tmp_path / "mine", fingerprint=fingerprint or "")
    assert load_or_substitute(source, tmp_path).note is None
    Image.new("L", (28, 28), 200).save(tmp_path / "mine" / "00.png")
    assert (
        load_or_substitute(source, tmp_path).note
        == f"{tmp_path / 'mine'} has other images than those the run was trained on"
    )
    with pytest.raises(DataError, match=r"other images .*; train a new run on them"):
        load_for_run(source, tmp_path)


def test_images_that_moved_are_found_where_they_are_named_and_have_a_stand_in_where_not(tmp_path: Path) -> None:
    fingerprint, *_ = registry.look_through(ImageSource("folder", draw(tmp_path / "mine")))
    source = ImageSource("folder", tmp_path / "mine", fingerprint=fingerprint or "")
    (tmp_path / "mine").rename(tmp_path / "moved")
    assert len(load_for_run(source, tmp_path / "moved").train_images) == 10
    (tmp_path / "sets").mkdir()
    stand_in = load_or_substitute(source, tmp_path / "sets")
    assert (stand_in.images.name, stand_in.note) == ("mnist-5k", f"on mnist-5k: no {tmp_path / 'mine'} on disk")
    with pytest.raises(DataError, match="the images of the run are not there"):
        load_for_run(source, registry.default_data_dir())


def test_no_more_images_can_be_held_out_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="10 of the 10 images to train on cannot be held out"):
        registry.look_through(ImageSource("folder", draw(tmp_path), held_out=10))


def test_ten_images_stand_for_all_classes_few_or_many() -> None:
    two = torch.tensor([1, 0, 0, 1, 1, 1, 1])
    assert one_of_each(two).tolist() == [1, 0, 2, 3, 4, 5, 6]
    assert one_of_each(torch.arange(20) % 10).tolist() == [*range(10)]
    assert one_of_each(torch.arange(47)).tolist() == [*range(10)]


def test_more_than_ten_classes_have_names_and_are_too_many_for_a_learned_prior(tmp_path: Path) -> None:
    for number in range(11):
        draw(tmp_path / f"kind {number}", 2)
    images = load_image_set("folder", tmp_path).held_out(3)
    assert images.classes[:2] == ("kind 0", "kind 1") and images.train_labels.max() == 10
    with pytest.raises(DataError, match="has 11 classes, a learned prior knows 10 at most"):
        registry.look_through(ImageSource("folder", tmp_path), most_classes=10)
