"""Encodes many images: their posteriors as arrays."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from core.data.images import pixels
from core.latents.aggregate import Latents
from core.models.autoencoder import Autoencoder

ENCODING_BATCH = 250


@torch.inference_mode()
def encode(
    model: Autoencoder, images: Tensor, labels: Tensor, on_progress: Callable[[int], object] | None = None
) -> Latents:
    """The posteriors of uint8 images (N, 32, 32) on the CPU, computed on the model's device.

    `on_progress` is told how many are done.
    """
    means, variances = [], []
    device = next(model.parameters()).device
    for batch in images.split(ENCODING_BATCH):
        posterior = model.encode(pixels(batch.to(device)))
        means.append(posterior.mean.flatten(1))
        variances.append(posterior.variance().flatten(1))
        if on_progress is not None:
            on_progress(len(means) * ENCODING_BATCH)
    return Latents(
        torch.cat(means).cpu().numpy(), torch.cat(variances).cpu().numpy(), labels.numpy(), model.latent_shape
    )
