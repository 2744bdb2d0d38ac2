"""In which features images are compared: those of the digit classifier, or of one that is trained on the set."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core import files, folders
from core.cores import fixed_threads
from core.data.images import ImageSet, pixels
from core.data.registry import DIGITS
from core.errors import DamagedFile, describe
from core.evaluation import classifier
from core.evaluation.classifier import DigitClassifier, accuracy
from core.evaluation.classifier_training import LEARNING_RATE, TRAINING_BATCH, WEIGHT_DECAY, augment, save
from core.evaluation.measuring.progress import Report, ignore

FEWEST, FEWEST_VALIDATED = 100, 2  # images to train on, to validate on
MOST_STEPS, FEWEST_STEPS, EPOCHS = 2_000, 300, 40  # of the training of a classifier
LONGEST, GRACE = 180.0, 0.1  # seconds of it; the share of them in which the time does not count yet
WARM_UP = 0.2  # of the training, in which the learning rate rises
RECIPE = b"1"  # another one makes other features
FOLDER = "classifiers"
TRAINED_BY = "trained by vae-tui evaluate"
COMPARING = "Fréchet distance, precision, recall, confidence, class balance and authenticity are left out"


@dataclass(frozen=True, eq=False)
class Features:
    """The classifier in whose features images are compared, and how it came about; or, without one, why."""

    classifier: DigitClassifier | None
    described: dict[str, str]
    left_out: str = ""
    note: str = ""


def features_for(images: ImageSet, report: Report = ignore) -> Features:
    """What a set is compared in. Where it is not one of digits, a classifier is trained on it, once for all runs.

    Raises DamagedFile or OSError for the digit classifier.
    """
    if images.name in DIGITS:
        return Features(classifier.shipped(), _described(classifier.WEIGHTS))
    if why := _why_not(images):
        return Features(None, {}, f"{COMPARING}: {why}")
    return _trained_on(images, report)


def _why_not(images: ImageSet) -> str:
    train, validation = len(images.train_images), len(images.validation_images)
    if train < FEWEST:
        return f"{train} images to train on are too few to compare with, {FEWEST} are the fewest"
    if validation < FEWEST_VALIDATED:
        return f"{validation} image to validate on is too few to compare with, {FEWEST_VALIDATED} are the fewest"
    if len(images.train_labels.unique()) > 1:
        return ""
    have = "has one class" if images.classes else "has no labels"
    return f"they need a classifier of two classes or more, and {images.name} {have}"


def _trained_on(images: ImageSet, report: Report) -> Features:
    """The classifier of a set that is kept in the user's cache folder, else one that is trained now and kept there."""
    classes = 1 + int(max(images.train_labels.max(), images.validation_labels.max()))
    path = folders.cache_dir() / FOLDER / f"{fingerprint(images)}.safetensors"
    try:
        found = classifier.load(path, classes)
        return Features(found, _described(path) | {"sha256": _digest(found), "dataset": images.name})
    except (DamagedFile, OSError):  # not there, or not whole: it can be made again
        found = train(images, classes, report)
    correct = accuracy(found, images.validation_images, images.validation_labels)
    described = {"command": TRAINED_BY, "dataset": images.name, "test_accuracy": f"{correct:.4f}"}
    note = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        save(path, found, described)
    except OSError as error:
        note = f"the classifier is not kept: {describe(error)}"
    return Features(found, {"sha256": _digest(found)} | described, note=note)


def fingerprint(images: ImageSet) -> str:
    """What tells the images and labels that a classifier was trained on from others."""
    digest = hashlib.sha256(RECIPE)
    for each in (images.train_images, images.train_labels):
        digest.update(str(tuple(each.shape)).encode() + each.contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def train(images: ImageSet, classes: int, report: Report = ignore) -> DigitClassifier:
    """A classifier of a set, in evaluation mode, after at most 2,000 steps and three minutes.

    AdamW with a learning rate that rises and falls (Smith & Topin 2018), on the cross-entropy of augmented images; the
    same for the same images, unless the time was too short.
    """
    labels, total = images.train_labels, len(images.train_labels)
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * -(-total // TRAINING_BATCH)))
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(0)
        made = DigitClassifier(classes).train()
        optimizer = torch.optim.AdamW(made.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        order, began = torch.empty(0, dtype=torch.long), time.monotonic()
        for step in range(steps):
            took = (time.monotonic() - began) / LONGEST
            done = max(step / steps, took if took > GRACE else 0.0)
            if done >= 1:
                break
            report(f"training a classifier of {images.name}, once: {done:.0%}")
            while len(order) < min(TRAINING_BATCH, total):
                order = torch.cat([order, torch.randperm(total, generator=generator)])
            chosen, order = order[:TRAINING_BATCH], order[TRAINING_BATCH:]
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * min(done / WARM_UP, (1 - done) / (1 - WARM_UP), 1.0)
            _step(made, optimizer, augment(pixels(images.train_images[chosen]), generator), labels[chosen])
    return made.eval()


def _step(made: DigitClassifier, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor) -> None:
    with fixed_threads(1):  # several share out the sums, which changes their last bits
        loss = cross_entropy(made(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _digest(made: DigitClassifier) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(made.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _described(path: Path) -> dict[str, str]:
    """Which classifier it was: metrics of different ones cannot be compared."""
    described = classifier.description(path)
    digest = hashlib.sha256(files.read(path, classifier.WEIGHTS_LIMIT)).hexdigest()
    told = {name: described[name] for name in ("test_accuracy", "command", "dataset") if name in described}
    return {"sha256": digest} | told
