"""A device that is short of memory: work in smaller parts, and what to say when nothing helps."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

import psutil
import torch
from torch import Tensor

from core.errors import OutOfMemory, is_out_of_memory
from core.training.devices import load
from core.training.devices.numerics import proper_float32

# What cuDNN and cuBLAS say of many things, a lack of memory among them.
UNCLEAR = ("CUDNN_STATUS_INTERNAL_ERROR", "CUDNN_STATUS_NOT_INITIALIZED", "CUBLAS_STATUS_NOT_INITIALIZED")
SHORT = 512 << 20  # bytes free, below which it is that


@torch.no_grad()
def measure(work: Callable[[slice], Tensor], count: int) -> Tensor:
    """The sum over so many examples of what the work gives for a part of them.

    In proper float32, and in halves where memory is short.
    """
    with proper_float32():
        return _in_halves(work, slice(0, count))


def _in_halves(work: Callable[[slice], Tensor], part: slice) -> Tensor:
    count = part.stop - part.start
    try:
        return work(part)
    except (RuntimeError, MemoryError) as error:
        if count == 1 or not _is_short(error):
            raise
    warnings.warn(f"out of memory with {count} examples at once: measuring them in halves", stacklevel=2)
    middle = part.start + count // 2
    return _in_halves(work, slice(part.start, middle)) + _in_halves(work, slice(middle, part.stop))


def explained(error: Exception) -> Exception:
    """An error that a lack of memory is behind as one that says so; any other as it is."""
    return OutOfMemory(_words()) if _is_short(error) else error


def _is_short(error: BaseException) -> bool:
    if is_out_of_memory(error):
        return True
    gpu = _gpu() if any(word in str(error) for word in UNCLEAR) else None
    found = None if gpu is None else load.memory_of(gpu)
    return found is not None and found[0] < SHORT


def _gpu() -> object | None:
    """NVML's handle of the GPU that this process uses."""
    return load.nvml_handle(torch.device("cuda", torch.cuda.current_device())) if torch.cuda.is_initialized() else None


def _words() -> str:
    """What is free, who holds the rest and what to do, in one sentence."""
    gpu = _gpu()
    if gpu is None and not torch.cuda.is_initialized():
        memory = psutil.virtual_memory()
        free = f"{_size(memory.available)} of {_size(memory.total)} are free"
        return f"out of memory: {free} on this machine; a smaller batch size needs less"
    name = torch.cuda.get_device_name()
    found = None if gpu is None else load.memory_of(gpu)
    parts = ["" if found is None else f"{_size(found[0])} of {_size(found[1])} are free"]
    own = torch.cuda.memory_reserved()
    parts.append(f"this training holds {_size(own)}" if own else "")
    others = [] if gpu is None else [holder for holder in load.holders(gpu) if holder.pid != os.getpid()]
    others.sort(key=lambda holder: -(holder.used or 0))
    parts += [f"{other.name} (process {other.pid}) {_size(other.used)}" for other in others[:3]]
    said = ", ".join(filter(None, parts))
    todo = "end what holds it, or take another GPU or a smaller batch size"
    return f"{name} is out of memory{': ' * bool(said)}{said}; {todo}"


def _size(count: int | None) -> str:
    return "an unknown part" if count is None else f"{count / 1e9:.1f} GB"
