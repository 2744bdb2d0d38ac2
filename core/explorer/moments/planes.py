"""The latents of a run in the plane: as fitted to the newest weights, or at each moment, turned like the next one."""

from __future__ import annotations

import threading
from contextlib import suppress
from importlib import import_module

import numpy as np

from core.arrays import Floats, Labels
from core.errors import RunError
from core.explorer.results import LatentProjection
from core.explorer.session import RunSession
from core.latents.aggregate import Latents
from core.latents.alignment import rotation, turned
from core.latents.options import Part, ProjectionOptions
from core.latents.projection import Projection, ProjectionError, fit_lda, fit_pca, most_active, pick_dims
from core.runs.snapshots.folder import snapshots_of


def plane(session: RunSession, options: ProjectionOptions, moment: int | None) -> LatentProjection:
    """The latents at the moment that the session is inside of. Raises RunError where that cannot be."""
    if options.projection == "pca":  # scikit-learn takes a second to import: the latents are encoded meanwhile
        threading.Thread(target=import_module, args=("sklearn.decomposition",), daemon=True).start()
    latents = session.latents(options.part)
    try:
        projection, fitted = _projection(session, options, moment)
    except ProjectionError as error:
        raise RunError(f"{session.run.name}: {error}") from error
    basis = _basis(options)
    key = ("accuracy", options.projection, options.numbers, basis, options.part, options.fit_each)
    held = moment is not None and not options.fit_each  # that of the newest weights, which may change
    accuracy = projection.accuracy(latents) if held else session.keep(key, lambda: projection.accuracy(latents))
    indices, places = session.indices(options.part), session.places(options.part)
    shown = indices if places is None else indices[places]
    points = projection.project(latents.mean)
    facts = (fitted, accuracy, shown, session.classes, len(indices), _activity(session, options, moment))
    return LatentProjection(options, projection, points, latents.labels, *facts)


def _activity(session: RunSession, options: ProjectionOptions, moment: int | None) -> Floats:
    """How much each latent number says, (D,), by the latents that the projection was fitted to."""
    with session.inside(moment if options.fit_each else None):
        activity: Floats = session.latents(_basis(options)).mean.var(axis=0)
        return activity


def _basis(options: ProjectionOptions) -> Part:
    return options.part if options.fit_on_shown else "training"


def _projection(session: RunSession, options: ProjectionOptions, moment: int | None) -> tuple[Projection, int]:
    """The projection, and to how many latents it was fitted."""
    if moment is None or (options.fit_each and options.projection != "dims"):
        fitted = session.latents(_basis(options))
        own = _fitted_here(session, options)
        return (own if moment is None else turned(own, _turn(session, options, moment))), len(fitted)
    with session.inside(None):  # numbers too are those that vary most at the end: a plane of others is another plane
        return _fitted_here(session, options), len(session.latents(_basis(options)))


def _fitted_here(session: RunSession, options: ProjectionOptions) -> Projection:
    """Fitted to the latents of the moment that the session is inside of. Raises ProjectionError."""
    fitted = session.latents(_basis(options))
    key = ("projection", options.projection, options.numbers, _basis(options))
    return session.keep(key, lambda: _fit(options, fitted))


def _turn(session: RunSession, options: ProjectionOptions, moment: int) -> Floats:
    """How to turn the plane of a moment, (2, 2): like that of the next one, which is turned like the one after it.

    The last one is turned like the plane of the newest weights. A moment whose plane cannot be fitted is left out.
    """
    places = session.places(options.part)
    steps = [snapshot.step for snapshot in reversed(snapshots_of(session.run)) if snapshot.step >= moment]
    following, turn = None, np.eye(2)
    for number, step in enumerate(steps, start=1):
        session.report(f"fitting planes: {number} of {len(steps)}")
        with suppress(ProjectionError):
            turn = _turn_between(session, options, step, following, places) @ turn
            following = step
    return turn


def _turn_between(
    session: RunSession, options: ProjectionOptions, step: int, following: int | None, places: Labels | None
) -> Floats:
    """What turns the plane of a step like the one that follows, None for the newest, as that was fitted; (2, 2)."""
    key = ("turn", options.projection, options.part, _basis(options), step)
    with session.inside(following):
        return session.keep(
            key, lambda: rotation(*(_points(session, options, each, places) for each in (step, following)))
        )


def _points(session: RunSession, options: ProjectionOptions, moment: int | None, places: Labels | None) -> Floats:
    """The images whose latents there are at moments, at these places, in the plane as fitted to a moment, (N, 2)."""
    with session.inside(moment):
        points = _fitted_here(session, options).project(session.latents(options.part).mean)
    return points[places] if moment is None and places is not None else points


def _fit(options: ProjectionOptions, latents: Latents) -> Projection:
    match options.projection:
        case "lda":
            return fit_lda(latents)
        case "pca":
            return fit_pca(latents)
        case _:
            return pick_dims(latents, options.numbers or most_active(latents))
