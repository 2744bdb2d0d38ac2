"""The images that a run is trained on and looked at with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core import data
from core.config import RunConfig
from core.data import ImageSet

SUBSTITUTE = {"mnist": "mnist-5k"}


@dataclass(frozen=True)
class Source:
    """The images that a run is looked at with; `note` says when they are not those it was trained on."""

    images: ImageSet
    note: str | None = None


def training_images(config: RunConfig, data_dir: Path) -> ImageSet:
    """The image set of a run: from where it was first trained, else from `data_dir`.

    Raises DataError, which says what to fetch and how.
    """
    first = Path(config.data_dir) if config.data_dir else data_dir
    elsewhere = not data.is_on_disk(config.dataset, first) and data.is_on_disk(config.dataset, data_dir)
    whole = data.load(config.dataset, data_dir if elsewhere else first)
    return whole.held_out(config.holdout) if config.holdout else whole


def find_images(config: RunConfig, data_dir: Path) -> Source:
    """The image set of a run, else one that can stand in for it. Raises DataError."""
    folders = [Path(config.data_dir), data_dir] if config.data_dir else [data_dir]
    if config.dataset in SUBSTITUTE and not any(data.is_on_disk(config.dataset, folder) for folder in folders):
        substitute = SUBSTITUTE[config.dataset]
        return Source(data.load(substitute), f"{config.dataset} is not here: {substitute}")
    return Source(training_images(config, data_dir))


def one_of_each(labels: Tensor) -> Tensor:
    """The index of the first image of each class there is, by class, from labels (N,)."""
    return torch.stack([(labels == label).nonzero()[0, 0] for label in labels.unique()])
