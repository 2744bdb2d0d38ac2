"""What is measured on weights while they train; all in evaluation mode, in float32."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from core.data.images import pixels
from core.models.autoencoder import Autoencoder, fold_batch_norm, loss

BATCH = 500
LATENT_SCALE_IMAGES = 2048


def losses(model: Autoencoder, images: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
    """For each batch of images (N, 32, 32): the sums of squared error and KL divergence, (2,).

    One posterior sample an image. The weights are those of the first call.
    """
    fused = fold_batch_norm(model)
    for batch in images.split(BATCH):
        x = pixels(batch)
        with torch.no_grad():
            parts = loss(x, *fused(x, model.noise(len(x), generator)))
        yield torch.stack([parts.reconstruction.sum(), parts.kl.sum()])


@torch.no_grad()
def latent_scale(model: Autoencoder, images: Tensor) -> float:
    """1 / standard deviation of the latents of images (N, 32, 32), from an even selection of 2,048 of them.

    Rombach et al. 2022, appendix G. The variance is that of posterior samples, computed without drawing any.
    """
    chosen = images[:: max(1, len(images) // LATENT_SCALE_IMAGES)][:LATENT_SCALE_IMAGES]
    fused = fold_batch_norm(model)
    posteriors = [fused.encode(pixels(batch)) for batch in chosen.split(BATCH)]
    between = torch.cat([posterior.mean for posterior in posteriors]).var()
    within = torch.cat([posterior.variance() for posterior in posteriors]).mean()
    return float((between + within).rsqrt())
