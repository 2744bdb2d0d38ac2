"""The latents of a run in a plane, by whichever way; what takes long is found while others may ask."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from core.arrays import Floats, evenly_spaced
from core.errors import RunError
from core.explorer.moments.planes import plane
from core.explorer.protocol import Report
from core.explorer.results import LatentProjection
from core.explorer.session import RunSession
from core.latents.options import EMBEDDINGS, ProjectionOptions
from core.latents.plane.embedding import Embedding, Request, embed
from core.latents.projection import ProjectionError
from core.models.autoencoder import Autoencoder

MOST = 1_000  # latents: t-SNE takes ten seconds for them on one core, and four times that for twice as many


def project(
    session: RunSession,
    options: ProjectionOptions,
    moment: int | None,
    open_model: Callable[[], AbstractContextManager[Autoencoder]],
    report: Report,
) -> LatentProjection:
    """The latents in the plane. Raises RunError where that cannot be."""
    name = options.projection
    if name not in EMBEDDINGS:
        with open_model():
            return plane(session, options, moment)
    key = ("embedding", name, options.part, options.seed, options.neighbours)
    with open_model():
        version, latents = session.version, session.latents(options.part)
        chosen = evenly_spaced(len(latents), MOST)
        indices, places = session.indices(options.part), session.places(options.part)
        shown = (indices if places is None else indices[places])[chosen]
        points: Floats | None = session.keep(key, lambda: None) if session.has(key) else None
    if points is None:
        neighbours = options.neighbours or EMBEDDINGS[name].neighbours
        try:
            points = embed(Request(name, latents.mean[chosen], neighbours, options.seed), report)
        except ProjectionError as error:
            raise RunError(f"{session.run.name}: {error}") from error
        with open_model():
            if session.version == version:
                session.keep(key, lambda: points)
    embedding, labels = Embedding(name, options.seed), latents.labels[chosen]
    return LatentProjection(options, embedding, points, labels, len(chosen), None, shown, session.classes, len(indices))
