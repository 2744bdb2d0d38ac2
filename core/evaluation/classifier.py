"""The small digit classifier whose features and judgement tell how good generated digits are, and its training."""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from core import files
from core.data import registry
from core.data.images import ImageSet, load_image_set, pixels
from core.errors import DamagedFile, DataError
from core.models.weights import first_line, metadata_of

WEIGHTS = Path(__file__).with_name("digits-classifier.safetensors")
WEIGHTS_LIMIT = 8_000_000  # bytes
FEATURES = 64
CLASSES = 10
BATCH = 500
# The recipe was fixed before the test set was looked at.
EPOCHS = 12
TRAINING_BATCH = 128
LEARNING_RATE = 3e-3  # at its peak
WEIGHT_DECAY = 1e-2
ROTATION = math.radians(10)
SHIFT = 2.0  # pixels
STRETCH = 0.1  # of the size
SHEAR = 0.1


class DigitClassifier(nn.Module):
    """Four convolutions and a layer of 64 features before the ten classes; 126,970 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(1, 16, kernel=5, stride=2),
            *_convolution(16, 32, kernel=3, stride=2),
            *_convolution(32, 64, kernel=3),
            nn.MaxPool2d(2),
            *_convolution(64, 64, kernel=3),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, FEATURES, bias=False),
            nn.BatchNorm1d(FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """The penultimate layer (B, 64), never negative, of images (B, 1, 32, 32) in [0, 1]."""
        features: Tensor = self.body(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """The logits (B, 10) of images (B, 1, 32, 32) in [0, 1]."""
        logits: Tensor = self.head(self.features(x))
        return logits


def _convolution(channels_in: int, channels_out: int, *, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(channels_out), nn.ReLU()


@dataclass(frozen=True, eq=False)
class ClassifierOutput:
    """What the classifier makes of N images: features (N, 64) and the probabilities of the classes (N, 10)."""

    features: Tensor
    probabilities: Tensor


@torch.inference_mode()
def classify(classifier: DigitClassifier, batches: Iterable[Tensor]) -> ClassifierOutput:
    """What the classifier makes of batches of images (B, 1, 32, 32), which are clipped to [0, 1] first."""
    features = torch.cat([classifier.features(x.clamp(0, 1)) for x in batches])
    return ClassifierOutput(features, classifier.head(features).softmax(dim=1))


def accuracy(classifier: DigitClassifier, images: Tensor, labels: Tensor) -> float:
    """The share of images uint8 (N, 32, 32) whose label (N,) the classifier tells."""
    judged = classify(classifier, map(pixels, images.split(BATCH)))
    return float((judged.probabilities.argmax(dim=1) == labels).double().mean())


@cache
def shipped() -> DigitClassifier:
    """The classifier that comes with vae-tui, on the CPU in evaluation mode. Raises DamagedFile or OSError."""
    return load(WEIGHTS)


def load(path: Path) -> DigitClassifier:
    """The classifier in a safetensors file, on the CPU in evaluation mode. Raises DamagedFile or OSError."""
    classifier = DigitClassifier()
    try:
        classifier.load_state_dict(safetensors.torch.load(files.read(path, WEIGHTS_LIMIT)))
    except (SafetensorError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise DamagedFile(path, f"holds no digit classifier: {first_line(error)}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in classifier.state_dict().values()):
        raise DamagedFile(path, "holds numbers that are not finite")
    return classifier.eval()


def description(path: Path = WEIGHTS) -> dict[str, str]:
    """How the classifier in a file that loads was trained: `command`, `dataset`, `test_accuracy` and more."""
    return metadata_of(files.read(path, WEIGHTS_LIMIT))


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, 1, 32, 32), each turned, shifted, stretched and sheared a little at random."""

    def within(bound: float, *shape: int) -> Tensor:
        return bound * (2 * torch.rand(len(x), *shape, generator=generator) - 1)

    angle = within(ROTATION)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(-1, 2, 2)
    bend = torch.diag_embed(1 + within(STRETCH, 2))
    bend[:, 0, 1] = within(SHEAR)
    shift = within(SHIFT * 2 / x.shape[-1], 2, 1)
    grid = affine_grid(torch.cat([turn @ bend, shift], dim=2), list(x.shape), align_corners=False)
    return grid_sample(x, grid, align_corners=False)


def train(
    images: ImageSet, epochs: int, seed: int, on_epoch: Callable[[int, float], object] = lambda epoch, loss: None
) -> DigitClassifier:
    """A classifier in evaluation mode after so many epochs; `on_epoch` hears each one's number and mean loss.

    AdamW with one cycle of the learning rate (Smith & Topin 2018) on the cross-entropy of augmented images.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    classifier = DigitClassifier().train()
    optimizer = torch.optim.AdamW(classifier.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = len(images.train_labels) // TRAINING_BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, epochs * steps)
    for epoch in range(1, epochs + 1):
        total = torch.zeros(())
        order = torch.randperm(len(images.train_labels), generator=generator)
        for chosen in order[: steps * TRAINING_BATCH].split(TRAINING_BATCH):
            logits = classifier(augment(pixels(images.train_images[chosen]), generator))
            loss = cross_entropy(logits, images.train_labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        on_epoch(epoch, float(total) / steps)
    return classifier.eval()


def save(path: Path, classifier: DigitClassifier, metadata: dict[str, str]) -> None:
    """Write the weights in safetensors format with how they came about. Raises OSError."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in classifier.state_dict().items()}
    files.replace(path, safetensors.torch.save(tensors, metadata))


def main() -> None:
    """`python -m core.classifier --data-dir DIR`: train the classifier on MNIST and write the weights that ship."""
    parser = argparse.ArgumentParser(prog="python -m core.classifier", description=main.__doc__)
    parser.add_argument("--data-dir", type=Path, default=registry.default_data_dir())
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--dataset", choices=["mnist", "mnist-5k"], default="mnist")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        images = load_image_set(chosen.dataset, chosen.data_dir)
    except DataError as error:
        parser.error(str(error))

    def say(epoch: int, loss: float) -> None:
        print(f"epoch {epoch} of {chosen.epochs}: training loss {loss:.4f}", flush=True)

    classifier = train(images, chosen.epochs, chosen.seed, say)
    correct = accuracy(classifier, images.validation_images, images.validation_labels)
    options = ["--dataset", chosen.dataset, "--epochs", str(chosen.epochs), "--seed", str(chosen.seed)]
    command = shlex.join(["python", "-m", "core.classifier", *options])
    save(chosen.out, classifier, {"command": command, "dataset": chosen.dataset, "test_accuracy": f"{correct:.4f}"})
    print(f"{correct:.2%} of the test images; written: {chosen.out}")
