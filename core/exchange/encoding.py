"""What a run's encoder makes of given images, as arrays that any program reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import pad

from core.data.own.given import GivenImages
from core.exchange.arrays import to_npz
from core.explorer.protocol import Report
from core.explorer.session import RunSession
from core.latents.encoding import encode
from core.runs.run import Run
from core.shapes import PADDING


def encode_images(run: Run, given: GivenImages, data_dir: Path, report: Report) -> bytes:
    """An .npz file with `means` and `deviations` float32 (N, D) of the posteriors, and `paths` (N,).

    The deviation of an autoencoder is zero. Raises RunError, DamagedFile or OSError.
    """
    images = pad(torch.from_numpy(given.images), (PADDING,) * 4)
    session = RunSession(run, data_dir)
    with session.newest(report) as model:
        labels = torch.zeros(len(images), dtype=torch.int64)
        found = encode(model, images, labels, session.counted("encoding images", len(images)))
    return to_npz(means=found.mean, deviations=np.sqrt(found.variance), paths=given.names)
