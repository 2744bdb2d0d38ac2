"""The densities of a run's latents and of what a sampler draws in the plane, which is drawn while others may ask."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np

from core.arrays import Floats
from core.errors import RunError
from core.explorer.moments.planes import plane
from core.explorer.protocol import Report
from core.explorer.session import RunSession
from core.latents.learned_prior import LearnedPrior
from core.latents.options import ProjectionOptions
from core.latents.plane.density import PlaneDensity, PlaneGaussians, PlanePoints, densities
from core.latents.projection import Projection
from core.latents.samplers import GaussianMixture, Sampler
from core.models.autoencoder import Autoencoder

POSTERIOR_DRAWS = 20_000
DRAWS = 2_000  # each takes the network of a learned prior several steps
AT_ONCE = 250
POSTERIOR_SEED = 1 << 20  # apart from the seeds of samples


def density(
    session: RunSession,
    options: ProjectionOptions,
    name: str,
    moment: int | None,
    open_model: Callable[[], AbstractContextManager[Autoencoder]],
    report: Report,
) -> PlaneDensity:
    """The densities of latents and of what a sampler draws. Raises ConfigError or RunError."""
    with open_model():
        if (projection := plane(session, options, moment).linear) is None:
            raise RunError(f"{session.run.name}: {options.projection} has no place for what a sampler draws")
        latents = session.latents(options.part)
        with session.inside(None):  # at every moment the same latents, as samples are
            sampler = session.sampler(name)
            known: dict[int, Floats] = session.keep(("drawn", name), dict)
    repeats = -(-POSTERIOR_DRAWS // len(latents)) if latents.variance.any() else 1
    points = [projection.project(latents.draw(POSTERIOR_SEED + seed)) for seed in range(repeats)]
    drawn = _drawn(sampler, projection, known, report)
    return densities(np.stack(points), latents.labels, drawn)


def _drawn(
    sampler: Sampler, projection: Projection, known: dict[int, Floats], report: Report
) -> PlaneGaussians | PlanePoints:
    """What a sampler draws, in the plane: exactly where it draws from Gaussians.

    What is `known` are the latents (AT_ONCE, D) of each seed: who gave up waiting finds what was drawn until then.
    """
    if isinstance(sampler, GaussianMixture):
        factors = np.einsum("kde,di->kie", sampler.factors.double().numpy(), projection.weights)
        means = projection.project(sampler.means.double().numpy())
        return PlaneGaussians(sampler.weights.double().numpy(), means, factors @ factors.swapaxes(1, 2))
    seeds = range(DRAWS // AT_ONCE)
    for seed in seeds:
        if seed not in known:
            known[seed] = _draw(sampler, seed, partial(report, f"drawing latents: {seed * AT_ONCE:,} of {DRAWS:,}"))
    return PlanePoints(projection.project(np.concatenate([known[seed] for seed in seeds])))


def _draw(sampler: Sampler, seed: int, go_on: Callable[[], object]) -> Floats:
    """Latents (AT_ONCE, D); what `go_on` raises ends it, of a learned prior after each step."""
    go_on()
    if not isinstance(sampler, LearnedPrior):
        return sampler.sample(AT_ONCE, seed).numpy().reshape(AT_ONCE, -1)
    latents: Floats = np.empty((0, 0))
    for z in sampler.denoise(AT_ONCE, seed):
        go_on()
        latents = z.numpy()
    return latents
