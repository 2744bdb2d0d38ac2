"""A drawn digit as a model sees it: reconstructed, placed among the training latents, and recognised."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.data.images import pixels
from core.data.registry import DIGITS
from core.errors import RunError
from core.evaluation import classifier
from core.explorer.moments.planes import plane
from core.explorer.outputs import neighbours
from core.explorer.results import Reconstructions, Sketched
from core.explorer.session import RunSession
from core.latents.options import ProjectionOptions, usual_plane
from core.latents.projection import Projection
from core.models.autoencoder import Autoencoder

WITH_FEW_CLASSES = ProjectionOptions("pca")


def answer(
    session: RunSession, model: Autoencoder, x: Tensor, output: Reconstructions, nearest: int, moment: int | None
) -> Sketched:
    """About one image (1, 1, 32, 32) and its reconstruction, with so many training images that lie nearest."""
    posterior = model.encode(x)
    latent = posterior.mean.reshape(1, -1).numpy()
    training = session.latents("training")
    (order,), (distances,) = neighbours.nearest([training.mean], latent, nearest)
    images, places = session.images("training")[0], session.places("training")
    among = order if places is None else places[order]
    options, point = _place(session, latent, moment)
    knows = session.config.dataset in DIGITS
    return Sketched(
        output.images[0],
        float(output.errors[0]),
        float(posterior.kl()[0]),
        latent[0],
        options,
        point,
        pixels(images[torch.from_numpy(among)])[:, 0, 2:-2, 2:-2].numpy(),
        training.labels[order],
        distances,
        classifier.classify(classifier.shipped(), [x]).probabilities[0].numpy() if knows else None,
        session.classes,
    )


def _place(session: RunSession, latent: np.ndarray, moment: int | None) -> tuple[ProjectionOptions, np.ndarray]:
    """Where a latent (1, D) lies in the plane, (2,), and in which one."""
    usual = usual_plane(latent.shape[1])
    try:
        return usual, _linear(session, usual, moment).project(latent)[0]
    except RunError:  # too few classes
        return WITH_FEW_CLASSES, _linear(session, WITH_FEW_CLASSES, moment).project(latent)[0]


def _linear(session: RunSession, options: ProjectionOptions, moment: int | None) -> Projection:
    linear = plane(session, options, moment).linear
    assert linear is not None  # as these planes are
    return linear
