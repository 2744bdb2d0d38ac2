"""Snapshots of a run, made by hand: no training is needed for what looks at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import safetensors.torch
import torch

from core import files
from core.models.autoencoder import MODELS, Autoencoder
from core.models.weights import metadata_of, weights_to_bytes
from core.runs.run import Run
from core.runs.snapshots.folder import Snapshot, file_name, folder_of, snapshots_of
from tests.support.models import load_model


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


def put_snapshot(run: Run, step: int, epoch: float, change: Callable[[Autoencoder], object]) -> Path:
    """The snapshot of a step: the newest weights, changed by this."""
    model = load_model(run)
    with torch.no_grad():
        change(model)
    path = folder_of(run) / file_name(step)
    path.parent.mkdir(exist_ok=True)
    files.replace(path, weights_to_bytes(model.state_dict(), {"step": step, "epoch": epoch, "latent_scale": 1.0}))
    return path


def worse(noise: float) -> Callable[[Autoencoder], object]:
    """Adds so much noise to every weight, relative to what it is."""

    def change(model: Autoencoder) -> None:
        generator = torch.Generator().manual_seed(7)
        for parameter in model.parameters():
            parameter.add_(noise * parameter.abs().mean() * torch.randn(parameter.shape, generator=generator))

    return change
