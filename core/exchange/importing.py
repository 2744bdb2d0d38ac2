"""Weights that somebody trained with the post's own code, or with ours, as a run to look into.

The post gives its networks names of their own: `encoder.layers.1.2._conv.weight` is our `encoder.1.2.0.weight`. Its
encoder and decoder may lie in one state dict, in a dict of two, or in two files. Nothing that is read is executed.
"""

from __future__ import annotations

import io
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from core import files
from core.errors import DamagedFile
from core.models.autoencoder import MODELS
from core.models.likelihood import Likelihood
from core.models.weights import IMPORTED, KERNEL, LIKELIHOOD, first_line, metadata_of, sizes_of, weights_to_bytes
from core.runs.catalog import create_run
from core.runs.config import make_config
from core.runs.run import TENSORS_LIMIT, Run
from core.runs.status import State, Status
from core.text import printable
from core.training.checkpoint import open_archive, save_state
from core.training.forks.state import beginning_from

HALVES = ("encoder", "decoder")
NESTED = ("state_dict", "model_state_dict", "model", "weights")
WRAPPED = re.compile(r"^(?:module\.|_orig_mod\.)+")  # what running in parallel or compiled puts in front
NAMES = ((".layers.", "."), ("._conv.", ".0."), ("._norm.", ".1."))
LISTED = 3


def import_run(paths: Sequence[Path], settings: Mapping[str, Any], runs_dir: Path, name: str | None) -> Run:
    """A finished run with the weights of these files, which training can go on from with these settings.

    Raises DamagedFile, ConfigError, RunError or OSError.
    """
    preset = str(settings["preset"])
    state = read_weights(paths, preset)
    (_, *features), channels = sizes_of(state)
    sizes: dict[str, object] = {"features": ",".join(map(str, features)), "latent_channels": channels}
    others = [each for each in map(_likelihood, paths) if each is not Likelihood.GAUSSIAN]
    said: dict[str, object] = {LIKELIHOOD: others[0].value} if others else {}
    config = make_config(**{**settings, **sizes, **said})
    told = " and ".join(printable(path.name) for path in paths)
    content = weights_to_bytes(state, {"preset": preset, IMPORTED: told} | said)

    def fill(made: Run) -> None:
        made.write_weights(content)
        save_state(made, beginning_from(state, config, step=0, steps_per_epoch=1, seconds=0.0))
        made.write_status(Status(state=State.FINISHED, reason=f"its weights were imported from {told}"))

    return create_run(runs_dir, name, f"{preset}-imported", config, fill=fill)


def _likelihood(path: Path) -> Likelihood:
    """That of weights which this program saved; the post's own are Gaussian. Raises DamagedFile or OSError."""
    if path.suffix != ".safetensors":
        return Likelihood.GAUSSIAN
    try:
        return Likelihood(metadata_of(files.read(path, TENSORS_LIMIT)).get(LIKELIHOOD, Likelihood.GAUSSIAN))
    except KeyError:  # a file without any metadata
        return Likelihood.GAUSSIAN
    except ValueError as error:
        raise DamagedFile(path, f"has a likelihood of a newer version: {first_line(error)}") from None


def read_weights(paths: Sequence[Path], preset: str) -> dict[str, Tensor]:
    """The state dict of a preset's model from one file, or from its encoder's and its decoder's.

    Raises DamagedFile, which says what does not fit, or OSError.
    """
    found: dict[str, Tensor] = {}
    halves: list[str] = []
    for path in paths:
        state = {renamed(name): tensor for name, tensor in _flat(_read(path), path).items()}
        half = _half(state)
        if half in halves:
            raise DamagedFile(path, f"this is the {half} as well; give the {_other(half)} too")
        if half and not all(name.startswith(f"{half}.") for name in state):
            state = {f"{half}.{name}": tensor for name, tensor in state.items()}
        halves += [half] if half else []
        found |= state
    if len(halves) == len(paths) == 1:
        raise DamagedFile(paths[0], f"this is the {halves[0]} only; give the {_other(halves[0])} too")
    return _checked(found, preset, paths[0])


def _half(state: Mapping[str, Tensor]) -> str:
    """Which half of an autoencoder this is, nothing where it is neither. A decoder begins as wide as the latent."""
    for half in HALVES:
        if all(name.startswith(f"{half}.") for name in state):
            return half
    first = state.get("0.0.0.weight")
    if first is None or first.ndim != KERNEL:
        return ""
    return HALVES[first.shape[0] == first.shape[1]]


def _other(half: str) -> str:
    return HALVES[half == HALVES[0]]


def renamed(name: str) -> str:
    """Our name for a parameter of the post's."""
    name = f".{WRAPPED.sub('', name)}"
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    return name[1:]


def _read(path: Path) -> object:
    """What a file of safetensors or of torch.save holds: tensors, and containers of them."""
    content = files.read(path, TENSORS_LIMIT)
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(content)
        if content.startswith(b"PK"):
            open_archive(content).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how the file was written, which its reader cannot change
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except pickle.UnpicklingError as error:
        reason = "it is damaged or holds more than tensors, such as a whole model: save model.state_dict() instead"
        raise DamagedFile(path, reason) from error
    except Exception as error:  # both follow what the file says, and fail as that makes them
        raise DamagedFile(path, f"it is no file of tensors: {first_line(error)}") from error


def _flat(found: object, path: Path) -> dict[str, Tensor]:
    """The tensors by name, of a state dict, of a checkpoint that has one in it, or of a dict of two."""
    if isinstance(found, Mapping):
        for _ in NESTED:  # no deeper: a dict may hold itself
            found = next((found[key] for key in NESTED if isinstance(found.get(key), Mapping)), found)
        if all(isinstance(found.get(half), Mapping) for half in HALVES):
            found = {f"{half}.{name}": tensor for half in HALVES for name, tensor in found[half].items()}
        if found and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()):
            return {name: _plain(name, tensor, path) for name, tensor in found.items()}
    raise DamagedFile(path, "it holds no state dict: a dict of tensors by the names of a model's parameters")


def _plain(name: str, tensor: Tensor, path: Path) -> Tensor:
    """The same tensor, whose numbers are all there. Raises DamagedFile for other kinds."""
    kinds = {
        "has no numbers, only a shape": tensor.is_meta,
        "is quantized": tensor.is_quantized,
        "is sparse": tensor.layout is not torch.strided,
        "is complex": tensor.is_complex(),
    }
    if kind := next((kind for kind, is_so in kinds.items() if is_so), None):
        raise DamagedFile(path, f"{printable(name[:60])} {kind}; save the numbers of all weights as they are")
    return tensor.detach()


def _checked(state: dict[str, Tensor], preset: str, path: Path) -> dict[str, Tensor]:
    """In the order, kinds and shapes of the preset's model. Raises DamagedFile."""
    wanted = MODELS[preset](*sizes_of(state)).state_dict()
    wrong = []
    if missing := [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]:
        wrong.append(f"{_some(missing)} missing")
    if unknown := [name for name in state if name not in wanted]:
        wrong.append(f"{_some(unknown)} unknown")
    for name, tensor in wanted.items():
        if name not in state:
            continue
        if state[name].shape != tensor.shape:
            wrong.append(f"{name} is {tuple(state[name].shape)} and not {tuple(tensor.shape)}")
        elif state[name].is_floating_point() != tensor.is_floating_point():
            wrong.append(f"{name} is {_kind(state[name])} and not {_kind(tensor)}")
    if wrong:
        more = f" and {len(wrong) - LISTED} more" if len(wrong) > LISTED else ""
        raise DamagedFile(path, f"it holds no {preset} model: {'; '.join(wrong[:LISTED])}{more}")
    checked = {name: state.get(name, tensor).to(tensor.dtype) for name, tensor in wanted.items()}
    if not all(bool(tensor.isfinite().all()) for tensor in checked.values()):
        raise DamagedFile(path, "it holds numbers that are not finite")
    return checked


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    verb = "are" if len(names) > 1 else "is"
    return f"{printable(', '.join(name[:60] for name in names[:LISTED]))}{more} {verb}"
