"""What a model makes of images and latents, as pictures to be shown."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.arrays import Floats, Images, Labels
from core.data.images import pixels
from core.explorer.results import Reconstructions
from core.explorer.session import RunSession
from core.models.autoencoder import Autoencoder
from core.shapes import PADDING

BATCH = 250


def reconstructed(model: Autoencoder, x: Tensor) -> Reconstructions:
    """Images (N, 1, 32, 32) by way of the posterior's mode."""
    output = model.decode(model.encode(x).mode())
    return Reconstructions(shown(output), (output - x).square().sum(dim=(1, 2, 3)).numpy())


def shown(images: Tensor) -> Images:
    """Images (N, 1, 32, 32) as they are shown: without the padding, (N, 28, 28) in [0, 1]."""
    inside = slice(PADDING, -PADDING)
    cut: Images = images[:, 0, inside, inside].clamp(0, 1).numpy()
    return cut


def decoded(model: Autoencoder, z: Floats) -> Images:
    """Images (N, 28, 28) in [0, 1] of latents (N, D)."""
    batches = torch.as_tensor(np.asarray(z, np.float32)).split(BATCH)
    return shown(torch.cat([model.decode(batch) for batch in batches]))


def errors_of(session: RunSession, model: Autoencoder, label: int | None, places: Labels) -> Floats:
    """The errors of the validation images at these places, which are those of a class, or all."""

    def compute() -> Floats:
        images = session.images("validation")[0][torch.as_tensor(places)]
        report = session.counted("reconstructing validation images", len(images))
        errors = []
        for batch in images.split(BATCH):
            errors.append(reconstructed(model, pixels(batch)).errors)
            report(len(errors) * BATCH)
        return np.concatenate(errors)

    if session.has(("errors", None)):
        return session.keep(("errors", None), compute)[places]
    return session.keep(("errors", label), compute)
