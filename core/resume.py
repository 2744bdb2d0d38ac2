"""state.pt: what an exact resume needs besides the configuration, and what such a file must be to be trusted."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from core.checkpoint import first_line
from core.config import problems
from core.files import DamagedFile
from core.models import Autoencoder
from core.run import TENSORS_LIMIT, Run

Count = Annotated[int, Field(ge=0, le=2**53)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Amounts = tuple[int, Finite, Finite]


class TrainingState(BaseModel):
    """The training as it was at a step boundary; tensors on the CPU. Sums are (images, reconstruction, KL)."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    generator: Tensor
    permutation: Tensor | None
    epochs: Count
    epoch: Count
    batch: Count
    best: float
    seconds: Finite
    images_per_second: Finite
    sums: Amounts
    reported: Amounts
    carried: Amounts
    reported_at: Finite
    epoch_began: Finite
    metrics_length: Count

    @property
    def learning_rate(self) -> float:
        """The step size that the optimizer had."""
        return float(self.optimizer["param_groups"][0]["lr"])

    def check(self, model: Autoencoder, images: int, batches_per_epoch: int) -> None:
        """Raise ValueError or KeyError unless this can be a state of training that model on so many images."""
        if self.batch > batches_per_epoch:
            raise ValueError(f"it is at batch {self.batch} of {batches_per_epoch}")
        if self.batch and self.permutation is None:
            raise ValueError("it is within an epoch that has no order")
        if self.permutation is not None and not _is_permutation(self.permutation, images):
            raise ValueError(f"its order is not one of {images:,} images")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"its learning rate is {self.learning_rate:g}")
        if not all(bool(tensor.isfinite().all()) for tensor in self.model.values()):
            raise ValueError("its weights are no finite numbers")
        moments = self.optimizer["state"]
        for index, parameter in enumerate(model.parameters() if moments else ()):
            for name in ("exp_avg", "exp_avg_sq"):
                if moments[index][name].shape != parameter.shape:
                    raise ValueError(f"its {name} {index} has shape {tuple(moments[index][name].shape)}")


def _is_permutation(order: Tensor, count: int) -> bool:
    return order.shape == (count,) and order.dtype == torch.int64 and torch.equal(order.sort()[0], torch.arange(count))


def save_state(run: Run, state: TrainingState) -> None:
    """Write the state. Raises OSError."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    run.write_state(buffer.getvalue())


def load_state(run: Run) -> TrainingState | None:
    """The state that was saved last; None before the first save. Raises DamagedFile or OSError.

    PyTorch loads tensors and plain values only. What would unfold in memory to more than the file holds is refused.
    """
    content = run.read_state()
    if content is None:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > TENSORS_LIMIT:
                raise ValueError("it unfolds to too much")
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


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
