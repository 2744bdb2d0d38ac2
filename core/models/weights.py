"""Models to bytes and back; nothing that is read is ever executed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from core.errors import DamagedFile
from core.models.autoencoder import FEATURES, LATENT_CHANNELS, MODELS, Autoencoder
from core.models.checksum import digest_of as digest_of
from core.models.denoiser import Denoiser
from core.models.likelihood import Likelihood
from core.text import printable

M = TypeVar("M", Autoencoder, Denoiser)
LIKELIHOOD = "likelihood"  # in the metadata, where it is not Gaussian
IMPORTED = "imported_from"  # in the metadata of weights from elsewhere: the names of their files
LEVELS, WIDEST = 5, 256  # of a model that is made for weights from elsewhere
KERNEL = 4  # dimensions


def weights_to_bytes(model: Mapping[str, Tensor], metadata: Mapping[str, object]) -> bytes:
    """A model's state dict in safetensors format, each metadata value as text; the same bytes for the same weights."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.items()}
    return _in_order(safetensors.torch.save(tensors, {key: str(value) for key, value in metadata.items()}))


def _in_order(content: bytes) -> bytes:
    """The file with its metadata sorted: safetensors writes them in an order that chance decides."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header = {"__metadata__": dict(sorted(header.pop("__metadata__", {}).items())), **header}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of their size
    return b"".join([len(text).to_bytes(8, "little"), text, memoryview(content)[end:]])


def load_autoencoder(content: bytes, preset: str, path: Path) -> Autoencoder:
    """The autoencoder of a preset, on the CPU in evaluation mode, with its latent scale where that was measured.

    Its sizes are those of the weights. Raises DamagedFile, which names `path`.
    """

    def make(weights: Mapping[str, Tensor]) -> Autoencoder:
        return MODELS[preset](*sizes_of(weights))

    model, scale = _load(make, preset, content, path)
    model.latent_scale = scale
    named = metadata_of(content).get(LIKELIHOOD, Likelihood.GAUSSIAN)
    try:
        model.likelihood = Likelihood(named)
    except ValueError:
        raise DamagedFile(path, f"has a likelihood of a newer version: {printable(named[:40])}") from None
    return model


def load_denoiser(content: bytes, latent_shape: tuple[int, int, int], path: Path) -> Denoiser:
    """The network of a learned prior over latents of that shape, on the CPU in evaluation mode.

    Raises DamagedFile, which names `path`.
    """
    denoiser, scale = _load(lambda weights: Denoiser(latent_shape), "prior", content, path)
    if scale is None:
        raise DamagedFile(path, "holds no latent scale")
    denoiser.latent_scale = scale
    shares = denoiser.class_shares
    if not (shares >= 0).all() or not shares.any():
        raise DamagedFile(path, "holds no class frequencies")
    return denoiser


def sizes_of(weights: Mapping[str, Tensor]) -> tuple[tuple[int, ...], int]:
    """The features and the latent channels of an autoencoder with these weights; those of the post if they say none."""
    into = [weights.get(f"encoder.{level}.{0 if level == 0 else 1}.0.weight") for level in range(LEVELS + 1)]
    latent = weights.get("decoder.0.0.0.weight")
    found = [each.shape[1] for each in into if each is not None and each.ndim == KERNEL]
    if latent is None or latent.ndim != KERNEL or len(found) < 2 or max(*found, latent.shape[1]) > WIDEST:
        return FEATURES, LATENT_CHANNELS
    return tuple(found), latent.shape[1]


def _load(make: Callable[[Mapping[str, Tensor]], M], preset: str, content: bytes, path: Path) -> tuple[M, float | None]:
    """The model that is made for these weights, and its latent scale, where the file has that."""
    try:
        weights = safetensors.torch.load(content)
        model = make(weights)
        model.load_state_dict(weights)
        found = metadata_of(content).get("latent_scale")
        scale = None if found is None else float(found)
    except (SafetensorError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise DamagedFile(path, f"holds no {preset} model: {first_line(error)}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values()):
        raise DamagedFile(path, "holds numbers that are not finite")
    if scale is not None and not 0 < scale < math.inf:
        raise DamagedFile(path, "holds a latent scale that is not a positive number")
    model.eval()
    return model, scale


def metadata_of(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file whose header was already checked by loading it. Raises KeyError."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def epoch_of(content: bytes) -> int | None:
    """The number of finished epochs when these weights, which load, were saved; None where they do not say."""
    epoch = metadata_of(content).get("epoch", "")
    return int(epoch) if re.fullmatch(r"[0-9]{1,9}", epoch) else None


def first_line(error: BaseException) -> str:
    """What an error says, short enough for one line; what only announces the next line has that, too."""
    first, *others = str(error).strip().splitlines() or [type(error).__name__]
    return printable((f"{first} {others[0].strip()}" if first.endswith(":") and others else first)[:200])
