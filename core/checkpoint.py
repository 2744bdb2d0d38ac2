"""Models to bytes and back; nothing that is read is ever executed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import safetensors.torch
from safetensors import SafetensorError

from core.files import DamagedFile
from core.models import MODELS, Autoencoder
from core.run import Run
from core.text import printable


def weights_to_bytes(model: Autoencoder, metadata: Mapping[str, object]) -> bytes:
    """The model in safetensors format, each metadata value as text."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(tensors, {key: str(value) for key, value in metadata.items()})


def load_model(run: Run, *, best: bool = False) -> Autoencoder:
    """The newest model of a run, or the best validated one, on the CPU in evaluation mode.

    `latent_scale` is set from the file. Raises FileNotFoundError, DamagedFile or OSError.
    """
    model = MODELS[run.config().preset]()
    content = run.read_weights(best=best)
    path = run.weights_path(best=best)
    try:
        model.load_state_dict(safetensors.torch.load(content))
        model.latent_scale = float(metadata_of(content)["latent_scale"])
    except (SafetensorError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise DamagedFile(path, f"holds no {run.config().preset} model: {first_line(error)}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values()):
        raise DamagedFile(path, "holds numbers that are not finite")
    if not math.isfinite(model.latent_scale):
        raise DamagedFile(path, "has a latent scale that is not finite")
    return model.eval()


def metadata_of(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file whose header was already checked by loading it."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return metadata


def first_line(error: BaseException) -> str:
    """What an error says, short enough for one line."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0][:200])
