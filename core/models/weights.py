"""Models to bytes and back; nothing that is read is ever executed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from core.errors import DamagedFile
from core.latents.learned_prior import LearnedPrior
from core.latents.options import default_sampling_options
from core.latents.schedulers import SCHEDULERS
from core.models.autoencoder import MODELS, Autoencoder
from core.models.denoiser import Denoiser
from core.runs.run import Run
from core.text import printable

M = TypeVar("M", Autoencoder, Denoiser)


def weights_to_bytes(model: nn.Module, metadata: Mapping[str, object]) -> bytes:
    """The model in safetensors format, each metadata value as text."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(tensors, {key: str(value) for key, value in metadata.items()})


def load_model(run: Run, *, best: bool = False) -> Autoencoder:
    """The newest model of a run, or the best validated one, on the CPU in evaluation mode.

    Of a learned prior it is the first stage. `latent_scale` is set from the file. Raises FileNotFoundError,
    DamagedFile or OSError.
    """
    config = run.config()
    if config.preset == "prior":
        return load_first_stage(run)
    return _load(MODELS[config.preset](), config.preset, run.read_weights(best=best), run.weights_path(best=best))


def load_first_stage(run: Run) -> Autoencoder:
    """What a learned prior makes latents for, frozen. Raises FileNotFoundError, DamagedFile or OSError."""
    preset = run.config().first_stage_preset
    if preset is None:
        raise DamagedFile(run.path / "config.json", "names no first stage of the prior")
    model = _load(MODELS[preset](), preset, run.read_first_stage(), run.first_stage_path)
    return model.requires_grad_(False)


def load_prior(run: Run) -> LearnedPrior:
    """The newest prior of a run that learns one, with the usual wish.

    Raises FileNotFoundError, DamagedFile or OSError.
    """
    config = run.config()
    content, path = run.read_weights(), run.weights_path()
    network = _load(Denoiser(), config.preset, content, path)
    shares = network.class_shares
    if not (shares >= 0).all() or not shares.any():
        raise DamagedFile(path, "has shares of classes that are none")
    return LearnedPrior(network, SCHEDULERS[config.dynamics](), default_sampling_options(config.dynamics))


def _load(model: M, preset: str, content: bytes, path: Path) -> M:
    try:
        model.load_state_dict(safetensors.torch.load(content))
        model.latent_scale = float(metadata_of(content)["latent_scale"])
    except (SafetensorError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise DamagedFile(path, f"holds no {preset} model: {first_line(error)}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values()):
        raise DamagedFile(path, "holds numbers that are not finite")
    if not 0 < model.latent_scale < math.inf:
        raise DamagedFile(path, "has a latent scale that cannot be one")
    model.eval()
    return model


def metadata_of(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file whose header was already checked by loading it."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return metadata


def first_line(error: BaseException) -> str:
    """What an error says, short enough for one line."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0][:200])
