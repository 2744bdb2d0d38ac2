"""Latents of a learned prior on their way from noise, in the plane of the latents that it learned."""

from __future__ import annotations

from collections.abc import Callable

import torch

from core.explorer.outputs.decoding import decoded
from core.explorer.protocol import Report
from core.explorer.results import Particles
from core.latents.learned_prior import LearnedPrior
from core.latents.projection import Projection
from core.models.autoencoder import Autoencoder

DECODED = 8


def flow(
    prior: LearnedPrior,
    model: Autoencoder,
    onto: Projection,
    count: int,
    seed: int,
    start: Particles | None,
    report: Report,
    show: Callable[[Particles], object],
) -> None:
    """Hand on the noise and what is after each step from there, or after each further step from a start."""
    labels = prior.labels(count, seed).numpy()

    def hand_on(step: int, z: torch.Tensor) -> None:
        latents = z.numpy()
        show(Particles(step, latents, onto.project(latents), labels, decoded(model, latents[:DECODED]), prior.classes))

    if start is None:
        hand_on(0, prior.noise(count, seed))
        done, ways = 0, prior.denoise(count, seed)
    else:
        done, ways = start.step, prior.go_on(torch.as_tensor(start.latents), seed, start.step)
    for step, z in enumerate(ways, start=done + 1):
        report(f"denoising: {step:,} of {prior.options.steps:,} steps")
        hand_on(step, z)
