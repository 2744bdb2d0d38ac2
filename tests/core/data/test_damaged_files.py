"""Images of a user's own whose files were damaged are read or refused in a line, and nothing else happens."""

from __future__ import annotations

import gzip
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.own import given, reading
from core.data.own.paths import Reading
from core.errors import DataError
from tests.support.hostile import mutated
from tests.support.image_sets import idx

ENDINGS = ("png", "jpg", "gif", "bmp", "webp", "tif", "ppm", "tga", "ico", "jp2")
Reader = Callable[[bytes], object]


def an_archive(place: Path) -> tuple[list[bytes], Reader]:
    """Archives as of Keras and of colours, plain and compressed, with names for labels."""
    images = np.random.default_rng(0).integers(0, 256, (14, 8, 8), np.uint8)
    path, labels = place / "a.npz", np.arange(14) % 3
    np.savez(path, images=images, labels=np.array(["a", "b"])[labels % 2])
    plain = path.read_bytes()
    np.savez_compressed(path, x_train=images / 255, y_train=labels, x_test=images[..., None], y_test=labels)
    sources = [plain, path.read_bytes()]

    def read(content: bytes) -> object:
        path.write_bytes(content)
        return reading.read("npz", path)

    return sources, read


def idx_files(place: Path) -> tuple[list[bytes], Reader]:
    """A folder whose file of labels, packed or not, is the damaged one."""
    folder = place / "idx"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((14, 28, 28), np.uint8)))
    labels = idx(np.arange(14, dtype=np.uint8))

    def read(content: bytes) -> object:
        packed = content[:1] == b"\x1f"
        for name, is_there in (("train-labels-idx1-ubyte.gz", packed), ("train-labels-idx1-ubyte", not packed)):
            (folder / name).unlink(missing_ok=True)
            if is_there:
                (folder / name).write_bytes(content)
        return reading.read("idx", folder)

    return [labels, gzip.compress(labels)], read


def pictures(place: Path) -> tuple[list[bytes], Reader]:
    """A folder of pictures of every format, one of which is damaged and to be skipped."""
    folder = place / "pictures"
    folder.mkdir()
    for number in range(12):
        Image.new("L", (28, 28), 20 * number).save(folder / f"{number:02}.png")
    sources = []
    for number, ending in enumerate(ENDINGS):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16), np.uint8)
        path = place / f"a.{ending}"
        Image.fromarray(pixels).convert("RGB" if number % 2 else "L").save(path)
        sources.append(path.read_bytes())
        path.unlink()

    def read(content: bytes) -> object:
        (folder / "damaged.png").write_bytes(content)
        found = reading.read("folder", folder, Reading(damaged="skip"))
        assert len(found.train_images) + len(found.validation_images) == 12 + (not found.left_out)
        return found

    return sources, read


@pytest.mark.parametrize("count", [150, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("make", [an_archive, idx_files, pictures])
def test_damaged_files_are_read_or_refused(
    make: Callable[[Path], tuple[list[bytes], Reader]],
    count: int,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    chance = random.Random(0)
    sources, read = make(tmp_path)
    before, refused = {*tmp_path.iterdir()}, 0
    for _ in range(count):
        try:
            read(mutated(chance.choice(sources), chance))
        except DataError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 600
            assert "None" not in str(error)
    assert {*tmp_path.iterdir()} == before
    assert refused < count
    assert capfd.readouterr() == ("", "")


def test_what_is_no_number_or_no_header_is_refused_and_one_picture_may_be_written_to(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for array in (np.full((12, 4, 4), "a"), np.zeros((12, 4, 4), "M8[s]"), np.zeros((12, 4, 4), complex)):
        np.savez(path, images=array)
        with pytest.raises(DataError, match="not numbers from 0 to 255 or from 0 to 1"):
            reading.read("npz", path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\1\0\6\0{'a': ")  # which numpy gives to Python's tokenizer
    with pytest.raises(DataError, match=r"it is no \.npz file that can be read"):
        reading.read("npz", path)
    Image.new("L", (28, 28), 9).save(tmp_path / "a.png")
    assert given.read(tmp_path / "a.png").images.flags.writeable  # as PyTorch wants it
