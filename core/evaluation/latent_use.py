"""How much of its latent an autoencoder uses: the KL divergence of each channel, and how many numbers are active."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.arrays import evenly_spaced
from core.data.images import pixels
from core.latents.options import ACTIVE_VARIANCE
from core.models.autoencoder import Autoencoder, DiagonalGaussian, fold_batch_norm

IMAGES, BATCH = 1000, 500


@dataclass(frozen=True)
class LatentUse:
    """The number of active latent numbers, and the mean KL divergence in nats of each channel."""

    active_units: int
    kl: tuple[float, ...]

    @classmethod
    def of(cls, moments: Tensor, latent_shape: tuple[int, int, int]) -> LatentUse:
        """From moments (M,) that are means over images, of latents of that shape.

        A latent number is active if its posterior mean varies over the images: variance above 0.01 (Burda et al. 2016,
        section 5.2).
        """
        size = math.prod(latent_shape)
        channels, mean, squared = moments.double().cpu().split([latent_shape[0], size, size])
        active = int((squared - mean.square() > ACTIVE_VARIANCE).sum())
        return cls(active, tuple(channels.tolist()))


def moments(posterior: DiagonalGaussian) -> Tensor:
    """Sums over images: the KL divergence of each channel, each latent number's mean, and its square, (M,)."""
    means = posterior.mean.flatten(1)
    return torch.cat([posterior.kl_by_channel().sum(dim=0), means.sum(dim=0), means.square().sum(dim=0)])


@torch.no_grad()
def latent_use(model: Autoencoder, images: Tensor) -> LatentUse:
    """Of images uint8 (N, 32, 32), an even selection of 1,000."""
    folded = fold_batch_norm(model)
    chosen = images[evenly_spaced(len(images), IMAGES)]
    sums = torch.stack([moments(folded.encode(pixels(batch))) for batch in chosen.split(BATCH)]).sum(dim=0)
    return LatentUse.of(sums / len(chosen), model.latent_shape)
