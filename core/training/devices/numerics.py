"""How PyTorch computes on a device: the same bits each time, and float32 proper where something is measured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def prepare(device: torch.device) -> None:
    """Make a GPU this process's own, with deterministic algorithms where PyTorch has them; those for CPUs are anyway.

    cuBLAS asks for its part of that when it is first used, so this comes before it.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # What use_deterministic_algorithms does, without the seconds that it takes to import a compiler.
        torch.set_deterministic_debug_mode("warn")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def proper_float32() -> Iterator[None]:
    """Convolutions of float32 in there are of all its bits, where PyTorch otherwise leaves a GPU 10 of 23 (tf32)."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
