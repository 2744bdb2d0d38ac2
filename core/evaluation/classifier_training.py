"""The training of the digit classifier that ships with vae-tui, and the command for it."""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from core import files
from core.data import registry
from core.data.images import ImageSet, load_image_set, pixels
from core.errors import DataError
from core.evaluation.classifier import WEIGHTS, DigitClassifier, accuracy
from core.models.weights import weights_to_bytes

# The recipe was fixed before the test set was looked at.
EPOCHS = 12
TRAINING_BATCH = 128
LEARNING_RATE = 3e-3  # at its peak
WEIGHT_DECAY = 1e-2
ROTATION = math.radians(10)
SHIFT = 2.0  # pixels
STRETCH = 0.1  # of the size
SHEAR = 0.1


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, 1, 32, 32), each rotated, shifted, stretched and sheared a little at random."""

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
    """A classifier in evaluation mode after so many epochs; `on_epoch` is told the number and mean loss of each.

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
    """Write the weights in safetensors format with a description of their training. Raises OSError."""
    files.replace(path, weights_to_bytes(classifier.state_dict(), metadata))


def main() -> None:
    """`python -m core.classifier --data-dir DIR`: train the classifier on MNIST and write the weights that ship."""
    parser = argparse.ArgumentParser(prog="python -m core.classifier", description=main.__doc__)
    parser.add_argument("--data-dir", type=files.expanded, default=registry.default_data_dir())
    parser.add_argument("--out", type=files.expanded, default=WEIGHTS)
    parser.add_argument("--dataset", choices=["mnist", "mnist-5k"], default="mnist")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        images = load_image_set(chosen.dataset, chosen.data_dir)
    except DataError as error:
        parser.error(str(error))

    def report(epoch: int, loss: float) -> None:
        print(f"epoch {epoch} of {chosen.epochs}: training loss {loss:.4f}", flush=True)

    classifier = train(images, chosen.epochs, chosen.seed, report)
    correct = accuracy(classifier, images.validation_images, images.validation_labels)
    options = ["--dataset", chosen.dataset, "--epochs", str(chosen.epochs), "--seed", str(chosen.seed)]
    command = shlex.join(["python", "-m", "core.classifier", *options])
    save(chosen.out, classifier, {"command": command, "dataset": chosen.dataset, "test_accuracy": f"{correct:.4f}"})
    print(f"{correct:.2%} of the test images; written: {chosen.out}")
