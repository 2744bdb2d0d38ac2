"""The images that a run is looked at with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core import data
from core.config import RunConfig
from core.data import DataError, ImageSet

SUBSTITUTE = {"mnist": "mnist-5k"}


@dataclass(frozen=True)
class Source:
    """The images that a run is looked at with; `note` says when they are not those it was trained on."""

    images: ImageSet
    note: str | None = None


def find_images(config: RunConfig, data_dir: Path) -> Source:
    """The image set of a run: where it was trained, else in `data_dir`, else one that can stand in.

    Raises DataError, which says what to fetch and how.
    """
    if config.dataset == "mnist-5k":
        return Source(data.load(config.dataset))
    folders = [Path(config.data_dir)] if config.data_dir else []
    for folder in (*folders, data_dir):
        if data.is_on_disk(config.dataset, folder):
            return Source(data.load(config.dataset, folder))
    if config.dataset in SUBSTITUTE:
        substitute = SUBSTITUTE[config.dataset]
        return Source(data.load(substitute), f"{config.dataset} is not on disk here; these are {substitute}")
    raise DataError(
        f"{config.dataset}, which this run was trained on, is not in {data_dir}; "
        f"get it with: vae-tui data --download {config.dataset}"
    )


def one_of_each(labels: Tensor) -> Tensor:
    """The index of the first image of each class there is, by class, from labels (N,)."""
    return torch.stack([(labels == label).nonzero()[0, 0] for label in labels.unique()])
