"""The digit classifier that ships tells digits apart, says how it was trained, and can be trained again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.data import registry
from core.data.images import ImageSet, load_image_set, pixels
from core.errors import DamagedFile
from core.evaluation import classifier, classifier_training
from core.evaluation.classifier import CLASSES, FEATURES, WEIGHTS, DigitClassifier, accuracy, classify, shipped
from core.evaluation.classifier_training import augment
from tests.conftest import cut_digits
from tests.core.test_full_mnist import FOLDER

NEEDED = 0.993


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return load_image_set("mnist-5k")


@pytest.fixture
def x(images: ImageSet) -> Tensor:
    return pixels(images.validation_images[:40])


@pytest.fixture(scope="module")
def few() -> ImageSet:
    """As few digits as train in seconds."""
    return cut_digits(768, 300)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_shipped_classifier_tells_digits_apart(images: ImageSet) -> None:
    assert accuracy(shipped(), images.validation_images, images.validation_labels) > 0.99


@pytest.mark.full_mnist
@pytest.mark.skipif(not registry.is_on_disk("mnist", FOLDER), reason="VAE_TUI_DATA names no folder with MNIST")
def test_it_tells_as_many_of_the_test_images_as_it_says() -> None:
    mnist = load_image_set("mnist", FOLDER)
    reached = accuracy(shipped(), mnist.validation_images, mnist.validation_labels)
    assert reached == pytest.approx(float(classifier.description()["test_accuracy"]), abs=2e-4)


def test_it_says_how_it_was_trained_and_what_it_reaches() -> None:
    described = classifier.description()
    assert described["command"].startswith("python -m core.classifier --dataset mnist ")
    assert float(described["test_accuracy"]) >= NEEDED
    assert described["dataset"] == "mnist"


def test_it_is_small() -> None:
    parameters = sum(parameter.numel() for parameter in shipped().parameters())
    assert parameters <= 300_000
    assert f"{parameters:,} parameters" in (DigitClassifier.__doc__ or "")
    assert WEIGHTS.stat().st_size < 1_000_000


def test_the_classes_are_told_from_the_features(x: Tensor) -> None:
    with torch.inference_mode():
        features, logits = shipped().features(x), shipped()(x)
        assert torch.equal(shipped().head(features), logits)
    assert features.shape == (len(x), FEATURES)
    assert features.min() >= 0
    judged = classify(shipped(), x.split(7))
    assert torch.allclose(judged.features, features, atol=1e-4)
    assert torch.allclose(judged.probabilities, logits.softmax(dim=1), atol=1e-5)
    assert judged.probabilities.shape == (len(x), CLASSES)


def test_what_is_out_of_bounds_is_clipped_before_it_is_judged(x: Tensor) -> None:
    strayed = torch.where(x == 0, -0.7, torch.where(x == 1, 2.5, x))
    assert torch.equal(classify(shipped(), [strayed]).features, classify(shipped(), [x]).features)


def test_augmented_digits_are_the_same_digits_a_little_elsewhere(x: Tensor) -> None:
    changed = augment(x, generator())
    assert changed.shape == x.shape
    assert ((changed >= 0) & (changed <= 1 + 1e-6)).all()
    assert torch.equal(changed, augment(x, generator()))
    assert not torch.equal(changed, augment(x, generator(1)))
    assert changed.mean() == pytest.approx(float(x.mean()), rel=0.05)
    assert (changed - x).abs().mean() > 0.02
    told = [classify(shipped(), [each]).probabilities.argmax(dim=1) for each in (x, changed)]
    assert (told[0] == told[1]).double().mean() > 0.9


def test_training_learns_and_ends_where_it_ended_before(few: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_training, "TRAINING_BATCH", 32)
    losses: list[float] = []
    trained = classifier_training.train(few, 4, 0, lambda epoch, loss: losses.append(loss))
    assert losses == sorted(losses, reverse=True)
    assert accuracy(trained, few.validation_images, few.validation_labels) > 0.7
    one, same, other = (classifier_training.train(few, 1, seed).head.weight for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_command_trains_and_writes_what_can_be_loaded(
    tmp_path: Path, few: ImageSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.safetensors"
    monkeypatch.setattr(classifier_training, "load_image_set", lambda name, folder: few)
    options = ["--dataset", "mnist-5k", "--epochs", "1", "--seed", "5"]
    monkeypatch.setattr(sys, "argv", ["classifier", *options, "--out", str(path)])
    classifier_training.main()
    assert capsys.readouterr().out.endswith(f"of the test images; written: {path}\n")
    assert classifier.description(path)["command"] == f"python -m core.classifier {' '.join(options)}"
    reached = accuracy(classifier.load(path), few.validation_images, few.validation_labels)
    assert classifier.description(path)["test_accuracy"] == f"{reached:.4f}"


def test_the_command_says_where_mnist_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["classifier", "--data-dir", str(tmp_path), "--out", str(tmp_path / "weights")])
    with pytest.raises(SystemExit) as end:
        classifier_training.main()
    assert end.value.code == 2
    assert f"mnist is not in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"not a model", WEIGHTS.read_bytes()[:5000]])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="holds no digit classifier") as refused:
        classifier.load(path)
    assert "\n" not in str(refused.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = DigitClassifier()
    torch.nn.init.constant_(broken.head.bias, float("nan"))
    classifier_training.save(tmp_path / "weights.safetensors", broken, {})
    with pytest.raises(DamagedFile, match="not finite"):
        classifier.load(tmp_path / "weights.safetensors")
