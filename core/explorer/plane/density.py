"""The densities of a run's latents and of what a sampler draws, in the plane that is shown."""

from __future__ import annotations

import numpy as np

from core.errors import RunError
from core.explorer.moments.planes import plane
from core.explorer.session import RunSession
from core.latents.options import ProjectionOptions
from core.latents.plane.density import PlaneDensity, PlaneGaussians, PlanePoints, densities
from core.latents.projection import Projection
from core.latents.samplers import GaussianMixture

POSTERIOR_DRAWS = 20_000
DRAWS = 2_000  # each takes the network of a learned prior several steps
AT_ONCE = 250
POSTERIOR_SEED = 1 << 20  # apart from the seeds of samples


def density(session: RunSession, options: ProjectionOptions, sampler: str, moment: int | None) -> PlaneDensity:
    """The densities at the moment that the session is inside of. Raises ConfigError or RunError."""
    if (projection := plane(session, options, moment).linear) is None:
        raise RunError(f"{session.run.name}: {options.projection} has no place for what a sampler draws")
    latents = session.latents(options.part)
    repeats = -(-POSTERIOR_DRAWS // len(latents)) if latents.variance.any() else 1
    points = [projection.project(latents.draw(POSTERIOR_SEED + seed)) for seed in range(repeats)]
    with session.inside(None):  # at every moment the same latents, as samples are
        drawn = _drawn(session, sampler, projection)
    return densities(np.concatenate(points), np.tile(latents.labels, repeats), drawn)


def _drawn(session: RunSession, name: str, projection: Projection) -> PlaneGaussians | PlanePoints:
    """What a sampler draws, in the plane: exactly where it draws from Gaussians."""
    sampler = session.sampler(name)
    if isinstance(sampler, GaussianMixture):
        factors = np.einsum("kde,di->kie", sampler.factors.double().numpy(), projection.weights)
        means = projection.project(sampler.means.double().numpy())
        return PlaneGaussians(sampler.weights.double().numpy(), means, factors @ factors.swapaxes(1, 2))

    def draw() -> PlanePoints:
        found = []
        for seed in range(DRAWS // AT_ONCE):
            session.report(f"drawing latents: {seed * AT_ONCE:,} of {DRAWS:,}")
            found.append(sampler.sample(AT_ONCE, seed).numpy().reshape(AT_ONCE, -1))
        return PlanePoints(np.concatenate(found))

    return PlanePoints(projection.project(session.keep(("drawn", name), draw).points))
