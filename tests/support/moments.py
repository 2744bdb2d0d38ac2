"""Snapshots of a run, made by hand: no training is needed for what looks at them."""

from __future__ import annotations

from collections.abc import Sequence

import safetensors.torch
import torch

from core import files
from core.models.autoencoder import MODELS
from core.models.weights import metadata_of, weights_to_bytes
from core.runs.run import Run
from core.runs.snapshots.folder import Snapshot, file_name, folder_of, snapshots_of


def make_snapshots(
    run: Run, epochs: Sequence[float] = (0.1, 0.3, 1.0, 3.0), steps_per_epoch: int = 100
) -> tuple[Snapshot, ...]:
    """Give a run with weights snapshots at these moments, on the straight line from random weights to its own."""
    content, preset = run.read_weights(), run.config().preset
    newest = safetensors.torch.load(content)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = MODELS[preset]().state_dict()
    folder_of(run).mkdir(exist_ok=True)
    for epoch in epochs:
        part, step = epoch / max(epochs), round(epoch * steps_per_epoch)
        model = {
            name: first[name].lerp(last, part) if last.is_floating_point() else last for name, last in newest.items()
        }
        metadata = metadata_of(content) | {"step": step, "epoch": f"{step / steps_per_epoch:.6g}"}
        files.replace(folder_of(run) / file_name(step), weights_to_bytes(model, metadata))
    return snapshots_of(run)
