"""Lower bounds on the log-likelihood of images under a variational autoencoder, and its active latent numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.data.images import pixels
from core.latents.aggregate import Latents
from core.latents.options import ACTIVE_VARIANCE
from core.models.autoencoder import Autoencoder, DiagonalGaussian, loss
from core.models.likelihood import PIXELS, Likelihood

# Squared error + KL is minus the ELBO, but for a constant, where the decoder is a Gaussian of this variance.
DECODER_VARIANCE = 0.5
BATCH = 250


@dataclass(frozen=True, eq=False)
class Bounds:
    """For each of N images two lower bounds on its log-likelihood in nats, each (N,), from the same samples."""

    elbo: Tensor
    importance_weighted: Tensor


def log_likelihood(squared_error: Tensor, size: int, variance: float = DECODER_VARIANCE) -> Tensor:
    """log N(x; decoded z, variance I) in nats of images of `size` numbers, from the squared error of each."""
    return -squared_error / (2 * variance) - size / 2 * math.log(2 * math.pi * variance)


@torch.inference_mode()
def elbo(model: Autoencoder, images: Tensor, generator: torch.Generator) -> Tensor:
    """The evidence lower bound in nats of each image uint8 (N, 32, 32), (N,); one posterior sample each.

    Kingma & Welling 2014, equation 7: a density over the padded 1,024 pixels as numbers in [0, 1]; where the likelihood
    is Bernoulli, the probability of the 784 pixels, drawn black or white.
    """
    bounds = []
    for batch in images.split(BATCH):
        x = _drawn(model, batch, generator)
        output, posterior = model(x, model.noise(len(x), generator))
        parts = loss(x, output, posterior, model.likelihood)
        bounds.append(_log_likelihood(model, parts.reconstruction.double()) - parts.kl)
    return torch.cat(bounds)


@torch.inference_mode()
def importance_bounds(model: Autoencoder, images: Tensor, samples: int, generator: torch.Generator) -> Bounds:
    """The bounds of each image uint8 (N, 32, 32) from so many posterior samples. Burda et al. 2016, equation 8.

    The importance-weighted one is never below the ELBO and grows with the samples to the log-likelihood itself.
    """
    weights = torch.stack([_log_weights(model, image[None], samples, generator) for image in images])
    return Bounds(weights.mean(dim=1), weights.logsumexp(dim=1) - math.log(samples))


def _log_weights(model: Autoencoder, image: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """log p(x, z) - log q(z | x) in nats of samples z of the posterior of one image uint8 (1, 32, 32), (samples,)."""
    x = _drawn(model, image, generator)
    posterior = model.encode(x)
    weights = []
    for count in _batches(samples):
        noise = model.noise(count, generator)
        assert noise is not None, "a point has no density"
        z = posterior.reparameterize(noise)
        errors = model.likelihood.error(x, model.output(z))
        weights.append(_log_likelihood(model, errors.double()) + _log_density_ratio(posterior, z, noise))
    return torch.cat(weights)


def _drawn(model: Autoencoder, images: Tensor, generator: torch.Generator) -> Tensor:
    """Images uint8 (B, 32, 32) as the likelihood is of them, (B, 1, 32, 32)."""
    x = pixels(images)
    if model.likelihood is Likelihood.GAUSSIAN:
        return x
    return model.likelihood.drawn(x, torch.rand((len(x), PIXELS), generator=generator))


def _log_likelihood(model: Autoencoder, errors: Tensor) -> Tensor:
    """log p(x | z) in nats, from the error of each image."""
    return log_likelihood(errors, PIXELS) if model.likelihood is Likelihood.GAUSSIAN else -errors


def _batches(total: int) -> list[int]:
    return [min(BATCH, total - first) for first in range(0, total, BATCH)]


def _log_density_ratio(posterior: DiagonalGaussian, z: Tensor, noise: Tensor) -> Tensor:
    """log N(z; 0, I) - log q(z) in nats of latents that lie so many deviations from the mean, (B,)."""
    assert posterior.log_variance is not None
    return 0.5 * (noise.square() - z.square() + posterior.log_variance).sum(dim=(1, 2, 3))


def active_units(latents: Latents) -> int:
    """The number of latent numbers whose posterior mean varies over the images: variance above 0.01.

    Burda et al. 2016, section 5.2.
    """
    return int((latents.mean.var(axis=0, dtype=np.float64) > ACTIVE_VARIANCE).sum())
