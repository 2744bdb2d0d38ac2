"""Images of a user's own as they come: squeezed or cut, with damaged files, of one class, of many, of none, of few."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import registry
from core.data.images import ImageSet, RunImages, load_for_run, load_image_set, load_or_substitute
from core.data.own import given, reading
from core.data.own.paths import Reading
from core.data.registry import ImageSource
from core.errors import ConfigError, DataError, RunError
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.latents.options import ProjectionOptions
from core.runs.config import make_config
from core.runs.first_stage import first_stage_settings, with_images
from core.runs.run import Run
from tests.conftest import cut_digits, make_trained_run
from tests.support.image_sets import put

SQUEEZE, SKIP = Reading(fit="squeeze"), Reading(damaged="skip")


def draw(folder: Path, count: int = 12, size: tuple[int, int] = (28, 28)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", size, 20 * number % 256).save(folder / f"{number:02}.png")
    return folder


def test_an_image_is_cut_to_its_square_or_squeezed_whole(tmp_path: Path) -> None:
    wide = np.zeros((12, 20, 60), np.uint8)
    wide[:, :, :20] = 200  # outside of the square at the centre
    np.savez(tmp_path / "wide.npz", images=wide)
    Image.fromarray(wide[0]).save(draw(tmp_path / "wide") / "00.png")
    for kind, place in (("npz", tmp_path / "wide.npz"), ("folder", tmp_path / "wide")):
        cut, squeezed = (reading.read(kind, place, how) for how in (Reading(), SQUEEZE))
        pictures = [np.concatenate([each.train_images, each.validation_images]) for each in (cut, squeezed)]
        assert cut.fingerprint == squeezed.fingerprint
        whole = [each[:, 14, :].astype(int) for each in pictures]
        assert whole[1][:, 2].max() > 190
        assert whole[0][:, 14].min() < 10
        if kind == "npz":
            assert whole[0].max() < 40  # nothing of what lies outside
    assert given.read(tmp_path / "wide" / "00.png", SQUEEZE).images[0, 14, 2] > 190


def test_pictures_that_cannot_be_decoded_are_skipped_where_that_is_asked_for(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        draw(tmp_path / name, 12)
    for path in (tmp_path / "cat" / "00.png", tmp_path / "dog" / "11.png"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"^2 of the 24 pictures .*; take them out, or say --damaged skip$"):
        reading.read("folder", tmp_path)
    found = reading.read("folder", tmp_path, SKIP)
    assert len(found.train_images) + len(found.validation_images) == 22
    labels = np.concatenate([found.train_labels, found.validation_labels])
    assert np.bincount(labels).tolist() == [11, 11]
    said = "2 of the 24 pictures cannot be decoded and are left out: cat/00.png ("
    assert found.left_out.startswith(said)
    assert found.description.startswith(said)
    assert "19 images to train on, 3 to validate on, 2 classes: 0 cat, 1 dog" in found.description
    assert given.read(tmp_path, SKIP).names == [f"cat/{n:02}.png" for n in range(1, 12)] + [
        f"dog/{n:02}.png" for n in range(11)
    ]
    for number in range(2, 12):
        (tmp_path / "cat" / f"{number:02}.png").unlink()
        (tmp_path / "dog" / f"{number - 1:02}.png").unlink()
    with pytest.raises(DataError, match="has 2 images, at least 12 are needed"):
        reading.read("folder", tmp_path, SKIP)


def test_a_run_keeps_how_its_images_are_read_and_a_prior_takes_it_over(tmp_path: Path) -> None:
    place = draw(tmp_path / "wide", size=(60, 20))
    config = make_config(dataset="folder", data_dir=str(place), fit="squeeze", damaged="skip")
    assert config.image_source.reading == Reading("squeeze", "skip")
    assert config.model_dump()["fit"] == "squeeze"
    assert "fit" not in make_config(dataset="folder", data_dir=str(place)).model_dump()  # as earlier versions wrote it
    run = Run.create(tmp_path / "runs", "stage", config)
    taken = with_images({"preset": "prior"}, tmp_path, first_stage_settings(run))
    assert (taken["dataset"], taken["fit"], taken["damaged"]) == ("folder", "squeeze", "skip")
    with pytest.raises(ConfigError, match="fit must be left out for mnist: it is for images of your own, not squeeze"):
        make_config(dataset="mnist", fit="squeeze")
    with pytest.raises(ConfigError, match="damaged must be one of refuse or skip"):
        make_config(dataset="folder", data_dir=str(place), damaged="ignore")


def test_a_picture_that_broke_after_the_run_was_made_is_refused_with_what_can_be_done_then(tmp_path: Path) -> None:
    draw(tmp_path, 20)
    source = ImageSource("folder", tmp_path)
    known = replace(source, fingerprint=registry.look_through(source).fingerprint or "")
    (tmp_path / "00.png").write_bytes(b"no picture")
    for refused in (lambda: registry.check_same(known, tmp_path), lambda: load_for_run(known, tmp_path)):
        with pytest.raises(DataError, match=r"00\.png .*; take them out, or put back those that the run was"):
            refused()


def test_a_set_with_a_name_has_a_fingerprint_of_its_images_however_they_are_packed(tmp_path: Path) -> None:
    put("kmnist", tmp_path)
    source = ImageSource("kmnist", tmp_path)
    fingerprint, *others = registry.look_through(source)
    assert (len(fingerprint or ""), others) == (64, ["", 60_000])
    assert registry.look_through(ImageSource(registry.EMBEDDED, tmp_path, held_out=100)) == (None, "", 3900)
    known = ImageSource("kmnist", tmp_path, fingerprint=fingerprint or "")
    registry.check_same(known, tmp_path)
    assert load_or_substitute(known, tmp_path).note is None
    load_for_run(known, tmp_path)

    place = registry.folder("kmnist", tmp_path)
    assert place is not None
    path = registry.find_file(place, "train-labels-idx1-ubyte")
    assert path is not None
    content = bytearray(path.read_bytes())
    content[-1] = (content[-1] + 1) % 10
    path.write_bytes(content)
    said = f"{place} has other images than those the run was trained on"
    assert load_or_substitute(known, tmp_path).note == said
    for refused in (lambda: registry.check_same(known, tmp_path), lambda: load_for_run(known, tmp_path)):
        with pytest.raises(DataError, match="other images than those the run was trained on; train a new run on them"):
            refused()
    load_for_run(source, tmp_path)  # a run of before says nothing of them


def as_own(count: int, classes: int, names: tuple[str, ...]) -> ImageSet:
    digits = cut_digits(count, max(2, count // 5))
    train, validation = (each % classes for each in (digits.train_labels, digits.validation_labels))
    return ImageSet("folder:/own", digits.train_images, train, digits.validation_images, validation, names)


@pytest.mark.parametrize(
    ("images", "refused"),
    [
        (as_own(120, 1, ("cat",)), "1"),
        (as_own(120, 1, ()), "1"),
        (as_own(120, 2, ("cat", "dog")), "2"),
        (as_own(10, 10, tuple("abcdefghij")), ""),
    ],
    ids=["one class", "no labels", "two classes", "12 images"],
)
def test_whatever_they_are_a_run_on_them_is_looked_into(images: ImageSet, refused: str, tmp_path: Path) -> None:
    explorer = RunExplorer(
        RunSession(make_trained_run(tmp_path, "ae"), tmp_path, load_images=lambda *_: RunImages(images))
    )
    assert explorer.page(0, 4).total == len(images.validation_images)
    assert explorer.samples("gaussian", 3, 0).images.shape == (3, 28, 28)
    assert len(explorer.projection(ProjectionOptions("pca")).points) == len(images.validation_images)
    if refused:
        with pytest.raises(RunError, match=f"LDA to two dimensions needs three classes or more, not {refused}"):
            explorer.projection(ProjectionOptions("lda"))


def test_the_layout_of_emnist_has_all_its_classes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (141, 28, 28), dtype=np.uint8), np.arange(141) % 47
    np.savez(tmp_path / "balanced.npz", x_train=images, y_train=labels, x_test=images[:47], y_test=labels[:47])
    found = load_image_set("npz", tmp_path / "balanced.npz")
    assert len(found.classes) == 47
    assert sorted(found.validation_labels.tolist()) == list(range(47))
