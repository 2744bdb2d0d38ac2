"""Completing without a learned prior: latents of an autoencoder that are optimised from several starts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from core.latents.aggregate import Latents
from core.latents.completion.visible import Decode, VisiblePixels
from core.latents.options import CompletionOptions
from core.latents.samplers import covariance_root

STARTS = 200
KEPT = 4  # of them for each answer that is kept
STEPS = 60  # of the gradient


def optimised(
    latents: Latents,
    decode: Decode,
    visible: VisiblePixels,
    options: CompletionOptions,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> Tensor:
    """Latents (N, C, h, w), more than are asked for; the same for the same seed.

    The prior is the Gaussian of the aggregate posterior, which autoencoders have as well. Each answer is the likeliest
    latent where that Gaussian is centred on a sample of it, which makes a sample of the posterior of it: Papandreou &
    Yuille 2010 (perturb-and-MAP); Bardsley et al. 2014, exact for a linear decoder but for noise in the pixels. Samples
    that agree best with the known pixels are the starts. `report` is told how many of all steps are done.
    """
    root = torch.from_numpy(covariance_root(latents.covariance)).float()
    centre = torch.from_numpy(latents.center).float()

    def latent(whitened: Tensor) -> Tensor:
        return (centre + whitened @ root.T).view(-1, *latents.shape)

    generator = torch.Generator().manual_seed(options.seed)
    starts = torch.randn((STARTS, len(centre)), generator=generator)
    fitting = visible.errors(decode(latent(starts))).argsort(stable=True)[: KEPT * options.count]
    return latent(visible.agreeing(lambda point: decode(latent(point)), starts[fitting], 1.0, STEPS, report))
