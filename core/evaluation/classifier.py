"""The small classifier in whose features generated images are compared with real ones; one of digits ships."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from core import files
from core.cores import fixed_threads
from core.data.images import pixels
from core.errors import DamagedFile
from core.models.weights import first_line, metadata_of

WEIGHTS = Path(__file__).with_name("digits-classifier.safetensors")
WEIGHTS_LIMIT = 8_000_000  # bytes
FEATURES = 64
CLASSES = 10
BATCH = 500
LAST_LAYER = -3  # where the linear layer of the body is


class DigitClassifier(nn.Module):
    """Four convolutions and a layer of 64 features before the classes; with ten of them 126,970 parameters."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.classes = classes
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
        self.head = nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """The penultimate layer (B, 64), never negative, of images (B, 1, 32, 32) in [0, 1]."""
        convolved = self.body[:LAST_LAYER](x)
        with fixed_threads(1):  # several share out the sums of a product, which changes its last bits
            features: Tensor = self.body[LAST_LAYER:](convolved)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """The logits (B, classes) of images (B, 1, 32, 32) in [0, 1]."""
        logits: Tensor = self.head(self.features(x))
        return logits


def _convolution(channels_in: int, channels_out: int, *, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(channels_out), nn.ReLU()


@dataclass(frozen=True, eq=False)
class ClassifierOutput:
    """Features (N, 64) of N images, and the probabilities of their classes (N, classes)."""

    features: Tensor
    probabilities: Tensor


@torch.inference_mode()
def classify(classifier: DigitClassifier, batches: Iterable[Tensor]) -> ClassifierOutput:
    """Features and classes of batches of images (B, 1, 32, 32), which are clipped to [0, 1] first."""
    features = torch.cat([classifier.features(x.clamp(0, 1)) for x in batches])
    return ClassifierOutput(features, classifier.head(features).softmax(dim=1))


def accuracy(classifier: DigitClassifier, images: Tensor, labels: Tensor) -> float:
    """The fraction of images uint8 (N, 32, 32) that are classified as their labels (N,)."""
    found = classify(classifier, map(pixels, images.split(BATCH)))
    return float((found.probabilities.argmax(dim=1) == labels).double().mean())


@cache
def shipped() -> DigitClassifier:
    """The classifier that comes with vae-tui, on the CPU in evaluation mode. Raises DamagedFile or OSError."""
    return load(WEIGHTS)


def load(path: Path, classes: int = CLASSES) -> DigitClassifier:
    """The classifier in a safetensors file, on the CPU in evaluation mode. Raises DamagedFile or OSError."""
    classifier = DigitClassifier(classes)
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
