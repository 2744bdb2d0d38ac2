"""Whether bfloat16 between the layers trains as well as float32: losses of the same seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from core.data.images import ImageSet, pixels
from core.kernels.gpu.step import TritonStep
from core.models.autoencoder import MODELS, Autoencoder, KlWeight, fold_batch_norm, loss
from core.runs.config import make_config
from core.training.step import ScheduledAdam
from tests.gpu.checks import BATCH, Result

SEEDS = 3
VALIDATION_BATCH = 2000


@dataclass(frozen=True)
class Losses:
    """An image's loss on validation, and in the last epoch of training."""

    validation: float
    training: float


def compare(device: str, images: ImageSet, epochs: int) -> Iterator[Result]:
    """Train `vae` from the same seeds in both precisions, all runs in one step."""
    found = {precision: train(device, images, epochs, precision) for precision in ("float32", "bfloat16")}
    validated = {precision: [each.validation for each in losses] for precision, losses in found.items()}
    means = {precision: statistics.mean(losses) for precision, losses in validated.items()}
    spread = max(statistics.stdev(losses) for losses in validated.values())
    said = "; ".join(
        f"{precision} {', '.join(f'{each.validation:.3f} (training {each.training:.3f})' for each in losses)}"
        for precision, losses in found.items()
    )
    passed = means["bfloat16"] - means["float32"] <= spread
    yield Result(f"bfloat16 validates as float32 after {epochs} epochs of {images.name}", passed, said)


def train(device: str, images: ImageSet, epochs: int, precision: str) -> list[Losses]:
    """The losses of each seed at the end."""
    config = make_config(preset="vae")
    models, optimizers, generators = [], [], []
    for seed in range(SEEDS):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            models.append(MODELS["vae"]().to(device).train())
        optimizers.append(ScheduledAdam(models[-1], "constant", config.learning_rate, capturable=True))
        generators.append(torch.Generator(device).manual_seed(seed))
    train_images = images.train_images.to(device)
    weights = [KlWeight(config.beta)] * SEEDS
    step = TritonStep(models, optimizers, generators, train_images, weights, BATCH, precision)
    count = len(train_images)
    for _ in range(epochs):
        before = step.totals.clone()
        orders = torch.stack([torch.randperm(count, generator=one, device=device) for one in generators])
        for begin in range(0, count, BATCH):
            step(orders[:, begin : begin + BATCH])
    errors, divergences = ((step.totals - before) / count).T.tolist()
    return [
        Losses(validate(model, images, config.beta), error + config.beta * divergence)
        for model, error, divergence in zip(models, errors, divergences, strict=True)
    ]


@torch.no_grad()
def validate(model: Autoencoder, images: ImageSet, beta: float) -> float:
    """The loss of the validation images, always with the same noise."""
    folded, device = fold_batch_norm(model), next(model.parameters()).device
    generator, total = torch.Generator(device).manual_seed(0), 0.0
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for batch in images.validation_images.split(VALIDATION_BATCH):
            x = pixels(batch.to(device))
            parts = loss(x, *folded(x, folded.noise(len(x), generator)))
            total += float(parts.total(KlWeight(beta).given(parts.reconstruction.mean())).sum())
    return total / len(images.validation_images)
