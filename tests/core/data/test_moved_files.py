"""Image sets where people have them: packed, under the names of other mirrors, a folder deeper, or moved since."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data import registry
from core.data.images import load_for_run, load_image_set
from core.data.registry import ImageSource
from core.errors import DataError
from tests.support.image_sets import CLASSES, PUBLISHED, put, tiny_set

Kept = Callable[[str, bytes], tuple[str, bytes]]


def packed(name: str, content: bytes) -> tuple[str, bytes]:
    return f"{name}.gz", gzip.compress(content)


def dotted(name: str, content: bytes) -> tuple[str, bytes]:
    return name.replace("-idx", ".idx"), content


def both(name: str, content: bytes) -> tuple[str, bytes]:
    return packed(*dotted(name, content))


def some_packed(name: str, content: bytes) -> tuple[str, bytes]:
    return packed(name, content) if "images" in name else (name, content)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("kept", [packed, dotted, both, some_packed], ids=lambda kept: kept.__name__)
def test_13_a_set_is_read_packed_or_under_the_names_of_other_mirrors(name: str, kept: Kept, tmp_path: Path) -> None:
    put(name, tmp_path / "plain")
    put(name, tmp_path / "kept", dict(kept(file, content) for file, content in tiny_set(name).items()))
    assert registry.is_on_disk(name, tmp_path / "kept")
    registry.check(name, tmp_path / "kept")
    one, other = (load_image_set(name, tmp_path / folder) for folder in ("plain", "kept"))
    assert one.train_images.equal(other.train_images)
    assert one.train_labels.equal(other.train_labels)
    assert one.validation_images.equal(other.validation_images)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no gzip", "cannot be unpacked"),
        (gzip.compress(bytes(100))[:-12], "cannot be unpacked"),
        (gzip.compress(b"")[:8], "cannot be unpacked"),
        (gzip.compress(bytes(100)), "begins with 00000000"),
        (gzip.compress(b"\0\0\x08\x03\0\0\0\x01\0\0\0\x1c\0\0\0\x1c" + bytes(1 << 28)), "its header asks for 800"),
    ],
    ids=["other", "cut", "cut early", "zeros", "bomb"],
)
def test_13_a_damaged_archive_is_named_and_unfolds_to_no_more_than_a_set_has(
    content: bytes, said: str, tmp_path: Path
) -> None:
    files = dict(packed(file, whole) for file, whole in tiny_set().items())
    files["train-images-idx3-ubyte.gz"] = content
    put("mnist", tmp_path, files)
    for look in (registry.check, load_image_set):
        with pytest.raises(DataError, match=said) as raised:
            look("mnist", tmp_path)
        assert "train-images-idx3-ubyte.gz" in str(raised.value)


def test_13_an_archive_that_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    files = dict(packed(file, whole) for file, whole in tiny_set().items())
    place = put("mnist", tmp_path, files)
    (place / "train-images-idx3-ubyte.gz").unlink()
    os.mkfifo(place / "train-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match="not a regular file"):
        registry.check("mnist", tmp_path)


@pytest.mark.parametrize("deeper", ["MNIST", "MNIST/raw", "KMNIST", "KMNIST/raw", "MNIST/", "KMNIST/../MNIST/raw"])
def test_11_a_data_folder_that_is_a_level_or_two_too_deep_is_recognised(
    deeper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mnist", "kmnist"):
        put(name, tmp_path)
    for name in ("mnist", "kmnist"):
        place = registry.folder(name, tmp_path / deeper)
        assert place is not None
        assert place.samefile(tmp_path / CLASSES[name] / "raw")
    monkeypatch.chdir(tmp_path / "MNIST")
    for relative in (".", "raw", "../MNIST"):
        assert registry.is_on_disk("mnist", Path(relative))


def test_11_a_folder_that_only_has_such_a_name_stays_what_it_is(tmp_path: Path) -> None:
    put("mnist", tmp_path / "MNIST")
    assert registry.folder("mnist", tmp_path / "MNIST") == tmp_path / "MNIST" / "MNIST" / "raw"
    assert registry.folder("mnist", tmp_path / "raw") == tmp_path / "raw" / "MNIST" / "raw"


def test_a_folder_that_was_named_and_is_not_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    source = ImageSource("mnist", first)
    put("mnist", first)
    put("mnist", other)
    said = f"the images are read from {first}, as the run was first trained on them there, and not from {other}"
    assert registry.not_looked_at(source, other) == said
    assert registry.not_looked_at(source, first / "MNIST") == registry.not_looked_at(source, None) == ""
    assert registry.not_looked_at(ImageSource(registry.EMBEDDED, first), other) == ""
    own = ImageSource("folder", first)
    (first / "a.png").touch()
    assert registry.not_looked_at(own, other).startswith("the images are read from ")
    assert registry.not_looked_at(own, first) == ""
    monkeypatch.setenv("VAE_TUI_DATA", str(other))  # of all runs, so of none that was named
    assert registry.not_looked_at(source, other) == ""
    (first / "MNIST").rename(tmp_path / "gone")
    assert registry.not_looked_at(source, other) == ""


def test_12_images_are_read_from_where_they_moved_and_from_whole_files_only(tmp_path: Path) -> None:
    first, moved = tmp_path / "first", tmp_path / "moved"
    source = ImageSource("mnist", first)
    with pytest.raises(DataError, match=r"not in .*/first/MNIST/raw nor in .*/moved/MNIST/raw; name the folder"):
        registry.locate(source, moved)
    put("mnist", moved)
    assert registry.locate(source, moved) == moved
    assert len(load_for_run(source, moved).train_images)
    place = put("mnist", first)
    assert registry.locate(source, moved) == first
    (place / "train-images-idx3-ubyte").write_bytes(b"cut")
    assert registry.locate(source, moved) == moved
    with pytest.raises(DataError, match="first/MNIST/raw/train-images-idx3-ubyte is damaged"):
        registry.locate(source, first)
