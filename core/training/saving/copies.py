"""Tensors of a device in the CPU's memory, in one copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

Name = TypeVar("Name", str, tuple[int, str])  # of a tensor


def on_host(tensors: Mapping[Name, Tensor]) -> dict[Name, Tensor]:
    """The tensors as they are now in the CPU's memory, whatever is done to them later; they share that memory.

    From a GPU they come in one copy, for which the host waits once.
    """
    found: dict[Name, Tensor] = {}
    for device in {tensor.device for tensor in tensors.values()}:
        found |= _together({name: tensor for name, tensor in tensors.items() if tensor.device == device})
    return {name: found[name] for name in tensors}


def _together(tensors: Mapping[Name, Tensor]) -> dict[Name, Tensor]:
    # The widest numbers come first, so that all begin at a multiple of their size.
    names = sorted(tensors, key=lambda name: -tensors[name].element_size())
    parts = [tensors[name].detach().reshape(-1).contiguous().view(torch.uint8) for name in names]
    flat = torch.cat(parts)
    if flat.is_cuda:  # which copies into memory that stays where it is in one go
        flat = torch.empty(flat.shape, dtype=flat.dtype, pin_memory=True).copy_(flat)
    split = flat.cpu().split([part.numel() for part in parts])
    return {
        name: part.view(tensors[name].dtype).view(tensors[name].shape) for name, part in zip(names, split, strict=True)
    }


def separate(tensors: Mapping[Name, Tensor]) -> dict[Name, Tensor]:
    """The same tensors of the CPU, each with memory of its own, as a file holds the whole memory of a tensor."""
    # By numpy, as PyTorch would start threads of its own for each thread that copies.
    return {name: torch.from_numpy(tensor.numpy().copy()) for name, tensor in tensors.items()}
