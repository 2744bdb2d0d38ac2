"""Completing by a learned prior: its samples, guided by the pixels that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from core.latents.completion.visible import Decode, VisiblePixels
from core.latents.learned_prior import LearnedPrior
from core.latents.options import CompletionOptions
from core.latents.schedulers import NoiseScheduler
from core.models.denoiser import NULL_CLASS

LEVELS = 20  # of noise
STEPS = 8  # of the gradient at each
DRAWN = 3  # for each answer that is kept
LATEST = 0.999  # the time that noise is at; at 1 there are no latents left in it
LEAST_VARIANCE = 1e-3


def guided(
    prior: LearnedPrior,
    decode: Decode,
    visible: VisiblePixels,
    options: CompletionOptions,
    report: Callable[[int, int], object],
) -> Tensor:
    """Latents (N, C, h, w) of a first stage's decoder, more than are asked for; the same for the same seed.

    At each of falling levels of noise the latents that the prior expects are moved to agree with the known pixels, and
    noise of the next level is added. Zhang et al. 2025 (DAPS), algorithm 1, with one step for its ODE, and the mode in
    place of samples by Langevin dynamics. `report` is told how many of all levels are done.
    """
    count, network, scheduler = DRAWN * options.count, prior.network, prior.scheduler
    generator = torch.Generator().manual_seed(options.seed)
    label = NULL_CLASS if options.digit is None else options.digit
    guidance = 1.0 if options.digit is None else options.guidance
    asked = replace(prior, options=replace(prior.options, guidance=guidance))
    predict = asked.predictor(torch.full((count,), label))
    z = torch.randn((count, *network.latent_shape), generator=generator)
    for level in range(LEVELS):
        time, after = min(1 - level / LEVELS, LATEST), 1 - (level + 1) / LEVELS
        expected = scheduler.expected(z, predict(z, time), time)
        variance = max(_variance(scheduler, time), LEAST_VARIANCE)
        z = visible.agreeing(lambda z: decode(z / network.latent_scale), expected, variance, STEPS)
        if after:
            noise = torch.randn(z.shape, generator=generator)
            z = scheduler.add_noise(z, noise, torch.full((count,), after)).latents
        report(level + 1, LEVELS)
    return z / network.latent_scale


def _variance(scheduler: NoiseScheduler, time: float) -> float:
    """That of latents, of variance 1 by themselves, once what they are with noise of that time is known."""
    one, none, at = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), torch.tensor([time])
    signal, noise = (float(scheduler.add_noise(*pair, at).latents) ** 2 for pair in ((one, none), (none, one)))
    return noise / (signal + noise)
