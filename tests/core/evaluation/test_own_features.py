"""Sets that are no digits are compared in features of a classifier that is trained on them once, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.data.images import ImageSet, RunImages
from core.evaluation.classifier import accuracy, shipped
from core.evaluation.measuring import features
from core.evaluation.measuring.features import features_for, fingerprint
from core.evaluation.results import Evaluation
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from tests.conftest import cut_digits, make_trained_run
from tui import evaluation_table


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A training of a few steps, and a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(features, "MOST_STEPS", 3)
    monkeypatch.setattr("core.evaluation.evaluate.IMPORTANCE_SAMPLES", 10)
    monkeypatch.setattr("core.evaluation.evaluate.IMPORTANCE_IMAGES", 2)


def own(count: int = 300, classes: int = 10, names: tuple[str, ...] | None = None) -> ImageSet:
    """Digits as a user's own images, with labels below `classes`."""
    digits = cut_digits(count, 60)
    labels = [each % classes for each in (digits.train_labels, digits.validation_labels)]
    names = tuple(f"kind{number}" for number in range(classes)) if names is None else names
    return ImageSet("npz:/own.npz", digits.train_images, labels[0], digits.validation_images, labels[1], names)


def evaluated(images: ImageSet, folder: Path) -> Evaluation:
    session = RunSession(make_trained_run(folder, "ae"), folder, load_images=lambda *_: RunImages(images))
    return RunExplorer(session).evaluate("gaussian", 100, 1).evaluation


def test_digits_are_compared_in_those_that_ship() -> None:
    assert features_for(cut_digits(100, 50)).classifier is shipped()


def test_a_classifier_is_trained_once_for_the_same_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images, said = own(), list[str]()
    first = features_for(images, said.append)
    assert said[0] == "training a classifier of npz:/own.npz, once: 0%"
    (kept,) = (tmp_path / "cache" / "vae-tui" / "classifiers").iterdir()
    assert kept.stem == fingerprint(images)
    assert not first.note

    renamed = replace(images, name="npz:/elsewhere.npz")
    with monkeypatch.context() as patch:
        patch.setattr(features, "train", lambda *_: pytest.fail("it is there"))
        again = features_for(renamed)
    assert again.described == {**first.described, "dataset": "npz:/elsewhere.npz"}
    assert again.classifier is not None
    assert not again.classifier.training

    kept.write_bytes(b"half")
    assert features_for(images).described == first.described  # the same again, to the bit
    assert features_for(own(301)).described["sha256"] != first.described["sha256"]


def test_where_the_cache_takes_no_files_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    found = features_for(own())
    assert found.classifier is not None
    assert found.note.startswith("the classifier is not kept: ")


def test_a_training_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST_STEPS", 1_000_000)
    monkeypatch.setattr(features, "FEWEST_STEPS", 1_000_000)
    monkeypatch.setattr(features, "LONGEST", 0.3)
    said: list[str] = []
    features.train(own(), 10, said.append)
    assert len(said) < 1000


def test_a_training_tells_classes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST_STEPS", 30)
    images = own(1000)
    before = torch.random.get_rng_state()
    found = features.train(images, 10)
    assert accuracy(found, images.validation_images, images.validation_labels) > 0.5
    assert torch.equal(before, torch.random.get_rng_state())  # others draw as they would have


@pytest.mark.parametrize(
    ("images", "why"),
    [
        (own(classes=1), "they need a classifier of two classes or more, and npz:/own.npz has one class"),
        (own(classes=1, names=()), "they need a classifier of two classes or more, and npz:/own.npz has no labels"),
        (own(10, classes=2), "10 images to train on are too few to compare with, 100 are the fewest"),
    ],
    ids=["one class", "no labels", "12 images"],
)
def test_what_cannot_be_compared_is_left_out_and_the_rest_is_measured(
    images: ImageSet, why: str, tmp_path: Path
) -> None:
    found = evaluated(images, tmp_path)
    comparing = "Fréchet distance, precision, recall, confidence, class balance and authenticity are left out: "
    assert found.left_out == evaluation_table.classifier(found) == comparing + why
    assert found.classifier == {}
    content = found.as_json()
    for name in ("frechet_samples", "frechet_reconstructions", "frechet_floor", "precision", "recall", "asked"):
        assert content[name] is None
        assert name == "asked" or evaluation_table.cells(found, name) == ("–", "–")
    assert 2 < found.test_squared_error < 60
    assert found.draws == 1
    assert len(found.classes) == len(images.classes)  # none where nothing is labelled
    assert {each.images_recognised for each in found.classes} <= {None}


def test_a_set_of_many_classes_is_compared_in_its_own_features(tmp_path: Path) -> None:
    images = own(400)
    images = replace(images, train_labels=torch.arange(400) % 47, classes=tuple(map(str, range(47))))
    found = evaluated(images, tmp_path)
    assert found.frechet_samples is not None
    assert found.frechet_floor is not None
    assert found.frechet_floor > 0
    assert evaluation_table.classifier(found).startswith("features of a classifier trained on npz:/own.npz: ")
    assert found.left_out == ""
    assert [each.name for each in found.classes] == [str(label) for label in range(10)]
