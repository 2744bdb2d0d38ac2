"""What a run keeps of its training: weights, and state.pt for an exact resume, which is trusted only after checks."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from core.errors import DamagedFile, Diverged, is_out_of_memory
from core.models.weights import first_line, weights_to_bytes
from core.runs.config import problems
from core.runs.run import TENSORS_LIMIT, Run
from core.training.step import ScheduledAdam, saved_base_rate

# What torch.save writes for tensors; anything else it would call, be it as harmless as a bytearray of gigabytes.
KNOWN_GLOBALS = {"torch._utils _rebuild_tensor_v2", "collections OrderedDict"}
STORAGE = re.compile(r"torch \w+Storage")
UNKNOWN_CALLS = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}
PROGRAM_LIMIT = 1 << 20
MOST_RECORDS = 100_000  # of an archive, of which each tensor has one
# The states of random generators, in bytes: a CPU's Mersenne twister, and seed and offset of CUDA's Philox.
GENERATORS = ((5056,), (16,))
MOST_STEPS = 2**53  # that a status can tell of
Count = Annotated[int, Field(ge=0, le=MOST_STEPS)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Amounts = tuple[Count, Finite, Finite]


class TrainingState(BaseModel):
    """A training at a step boundary; tensors on the CPU. `sums` and the like are (images, reconstruction, KL)."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    generator: Tensor
    permutation: Tensor | None
    epochs: Count
    epoch: Count
    batch: Count
    best: float
    since_best: Count = 0  # only where training may end early, as earlier versions take no other keys
    seconds: Positive
    images_per_second: Positive
    sums: Amounts
    skipped: Count = 0  # images of this epoch that a fork of a snapshot was not trained on; only where there are any
    reported: Amounts
    carried: Amounts
    reported_at: Positive
    epoch_began: Positive
    metrics_length: Count
    new_method: bool = False  # of a fork, before its first save: what does its steps is chosen as for a new run

    @property
    def learning_rate(self) -> float:
        """The learning rate that was asked for, before any schedule."""
        return saved_base_rate(self.optimizer)

    def is_foreign(self, generator: torch.Generator) -> bool:
        """Whether it was saved on another kind of device, whose random numbers that generator cannot go on with."""
        return self.generator.shape in GENERATORS and self.generator.shape != generator.get_state().shape

    def check(self, model: nn.Module, images: int, batch_size: int) -> None:
        """Raise ValueError or KeyError unless this can be a state of training that model on so many images."""
        batches_per_epoch = math.ceil(images / batch_size)
        if self.batch > batches_per_epoch:
            raise ValueError(f"it is at batch {self.batch} of {batches_per_epoch}")
        if self.epoch * batches_per_epoch + self.batch > MOST_STEPS - batches_per_epoch:
            raise ValueError(f"it is at epoch {self.epoch:,}")
        if max(self.reported_at, self.epoch_began) > self.seconds:
            raise ValueError(f"it tells of {max(self.reported_at, self.epoch_began):g} s of {self.seconds:g}")
        seen = min(self.batch * batch_size, images)
        if self.batch and self.permutation is None and not (self.batch < batches_per_epoch and self.skipped == seen):
            raise ValueError("it is within an epoch but has no permutation")
        if self.permutation is not None and not _is_permutation(self.permutation, images):
            raise ValueError(f"its permutation is not one of {images:,} images")
        if self.sums[0] != seen - self.skipped or self.skipped >= images:  # an epoch of no images has no mean
            raise ValueError(f"its sums are over {self.sums[0]:,} images after {self.batch:,} batches")
        if self.reported[0] > self.sums[0]:
            raise ValueError(f"it reported {self.reported[0]:,} of {self.sums[0]:,} images")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"its learning rate is {self.learning_rate:g}")
        ours = model.state_dict()
        if any(tensor.shape != ours[name].shape for name, tensor in self.model.items()):
            raise ValueError("its weights have other shapes")
        if not all(bool(tensor.isfinite().all()) for tensor in self.model.values()):
            raise ValueError("its weights are no finite numbers")
        moments = self.optimizer["state"]
        for index, parameter in enumerate(model.parameters() if moments else ()):
            for name in ("exp_avg", "exp_avg_sq"):
                if moments[index][name].shape != parameter.shape:
                    raise ValueError(f"its {name} {index} has shape {tuple(moments[index][name].shape)}")


def _is_permutation(order: Tensor, count: int) -> bool:
    return order.shape == (count,) and order.dtype == torch.int64 and torch.equal(order.sort()[0], torch.arange(count))


def checked_weights(model: Mapping[str, Tensor], metadata: Mapping[str, object]) -> bytes:
    """The weights after a step as a file holds them. Raises Diverged where a number is not finite."""
    numbers = torch.cat([tensor.flatten() for tensor in model.values() if tensor.is_floating_point()])
    check_finite(bool(numbers.isfinite().all()), metadata)
    return weights_to_bytes(model, metadata)


def check_finite(weights: bool, metadata: Mapping[str, object]) -> None:
    """Raise Diverged unless weights, of which that is told, and the numbers that are stored beside them are finite."""
    if not weights:
        raise Diverged(f"the weights are no longer finite numbers at step {metadata['step']}")
    if not all(math.isfinite(value) for value in metadata.values() if isinstance(value, float)):
        raise Diverged(f"the latents are no longer finite numbers at step {metadata['step']}")


def save_state(run: Run, state: TrainingState) -> None:
    """Write the state. Raises OSError."""
    buffer = io.BytesIO()
    torch.save({name: getattr(state, name) for name in state.model_fields_set}, buffer)
    run.write_state(buffer.getvalue())


def load_state(run: Run) -> TrainingState | None:
    """The state that was saved last; None before the first save. Raises DamagedFile or OSError.

    PyTorch loads tensors and plain values only. What would take more memory than the file holds is refused.
    """
    content = run.read_state()
    if content is None:
        return None
    try:
        _check_archive(content)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if any(tensor.nbytes > tensor.untyped_storage().nbytes() for tensor in _tensors(state)):
            raise ValueError("it claims more numbers than it holds")
        return TrainingState.model_validate(state)
    except pickle.UnpicklingError as error:  # PyTorch's own words advise to load it unsafely
        raise DamagedFile(run.state_path, "is damaged, or holds more than tensors and plain values") from error
    except ValidationError as error:
        reason = next(iter(problems(error).values()), "is not the state of a training")
        raise DamagedFile(run.state_path, reason) from error
    except Exception as error:
        raise DamagedFile(run.state_path, f"cannot be loaded: {first_line(error)}") from error


def take_over(
    state: TrainingState,
    run: Run,
    model: nn.Module,
    optimizer: ScheduledAdam,
    generator: torch.Generator,
    examples: int,
    batch_size: int,
) -> None:
    """Go on with its weights and moments, and the random numbers of this kind of device. Raises DamagedFile."""
    try:
        state.check(model, examples, batch_size)
        model.load_state_dict(state.model)
        optimizer.load_state_dict(state.optimizer)
        if not state.is_foreign(generator):
            generator.set_state(state.generator)
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        raise DamagedFile(run.state_path, f"is not the state of this run: {first_line(error)}") from error


def open_archive(content: bytes) -> zipfile.ZipFile:
    """What torch.save wrote. Raises BadZipFile, or ValueError where PyTorch would fill the memory with it."""
    if content.count(b"PK\1\2") > MOST_RECORDS:  # its list is read as a whole
        raise ValueError("it lists too much")
    archive = zipfile.ZipFile(io.BytesIO(content))
    if sum(entry.file_size for entry in archive.infolist()) > TENSORS_LIMIT:
        raise ValueError("it unfolds to too much")
    return archive


def _check_archive(content: bytes) -> None:
    """Raise ValueError unless it is a zip file of no more than tensors and plain values, before PyTorch takes it in."""
    if not content.startswith(b"PK\x03\x04"):
        raise ValueError("it is no archive")
    with open_archive(content) as archive:
        (program,) = (entry for entry in archive.infolist() if entry.filename.endswith("/data.pkl"))
        if program.file_size > PROGRAM_LIMIT:
            raise ValueError("it describes too much")
        for opcode, argument, _ in pickletools.genops(archive.read(program)):
            if opcode.name == "GLOBAL" and argument not in KNOWN_GLOBALS and not STORAGE.fullmatch(str(argument)):
                raise pickle.UnpicklingError(f"it calls {argument}")
            if opcode.name in UNKNOWN_CALLS:
                raise pickle.UnpicklingError(f"it uses {opcode.name}")


def _tensors(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """Every tensor in there once, through cycles too."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part, seen)
