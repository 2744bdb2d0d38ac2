"""Several processes that train one run together: how they meet, which of them this is, what they tell each other."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from core.runs.config import FEWEST_IMAGES
from core.training import devices

# A paused run keeps the others waiting.
PATIENCE = timedelta(days=365)


@dataclass(frozen=True)
class Share:
    """The part of a batch that one process computes, and how often the part is computed by all of them together."""

    part: slice
    copies: int


class SingleProcess:
    """One process by itself."""

    rank, count = 0, 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, images: int) -> Share:
        """The part of a batch of so many images; all of it for everyone when there is too little to divide."""
        if images < FEWEST_IMAGES * self.count:
            return Share(slice(0, images), self.count)
        begin, end = (images * rank // self.count for rank in (self.rank, self.rank + 1))
        return Share(slice(begin, end), 1)

    def join(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are the mean over the processes."""
        return model

    def add_up(self, sums: Tensor) -> Tensor:
        """The sums over all processes, in place."""
        return sums

    def agree(self, leave: bool) -> bool:
        """Whether the first process says that training ends here; waits for its word."""
        return leave


ALONE = SingleProcess()


class ProcessGroup(SingleProcess):
    """One of several processes. Gloo carries the first one's word, so that a GPU's host need not wait for the GPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        words = dist.new_group(backend="gloo", timeout=PATIENCE)
        assert isinstance(words, dist.ProcessGroup)
        self._words = words

    def join(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are the mean over the processes. Li et al. 2020, PyTorch Distributed."""
        # A gradient that was computed channels last is copied, which at this size costs nothing.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        return DistributedDataParallel(model)

    def add_up(self, sums: Tensor) -> Tensor:
        """The sums over all processes, in place."""
        dist.all_reduce(sums)
        return sums

    def agree(self, leave: bool) -> bool:
        """Whether the first process says that training ends here; waits for its word."""
        word = torch.tensor([leave], dtype=torch.uint8)
        dist.broadcast(word, src=0, group=self._words)
        return bool(word)


def started_together() -> bool:
    """Whether torchrun started this process, and more like it."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def own_device(name: str) -> str:
    """The device of this process on its machine: the one of its number, where GPUs were asked for."""
    gpus = torch.cuda.device_count()
    if name in ("auto", "cuda") and gpus:
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % gpus}"
    return name


def init_distributed(device_name: str) -> tuple[torch.device, SingleProcess]:
    """The device of this process, made ready, and the others that train the same run. Raises ConfigError."""
    together = started_together()
    device = devices.resolve(own_device(device_name) if together else device_name)
    devices.make_repeatable(device)
    return device, ProcessGroup(device) if together else ALONE
