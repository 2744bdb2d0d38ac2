"""Several processes that train one run together: how they meet, their parts of a batch, and what comes next."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from core.group import Place
from core.runs.config import FEWEST_IMAGES
from core.training.devices.choice import Choice, choose, of_process
from core.training.devices.numerics import prepare

# A paused run keeps the others waiting.
PATIENCE = timedelta(days=365)


class Task(IntEnum):
    """What comes next, as the first process tells the others. They wait while it validates and measures."""

    STEP = 0
    VALIDATE = 1
    MEASURE = 2
    END_EPOCH = 3
    STOP = 4
    SET_RATE = 5

    @property
    def activity(self) -> str:
        """What the first process does meanwhile, in a word or two."""
        return {Task.VALIDATE: "validating", Task.MEASURE: "measuring samples"}.get(self, "training")


@dataclass(frozen=True)
class Share:
    """The part of a batch that one process computes, and by how many processes that part is computed."""

    part: slice
    copies: int


class SingleProcess:
    """One process by itself."""

    rank, world_size = 0, 1

    def share(self, examples: int) -> Share:
        """The part of a batch of so many examples; all of it for everyone when there is too little to divide."""
        if examples < FEWEST_IMAGES * self.world_size:
            return Share(slice(0, examples), self.world_size)
        begin, end = (examples * rank // self.world_size for rank in (self.rank, self.rank + 1))
        return Share(slice(begin, end), 1)

    def wrap_ddp(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are the mean over the processes."""
        return model

    def all_reduce(self, sums: Tensor) -> Tensor:
        """The sums over all processes, in place."""
        return sums

    def announce(self, task: Task) -> None:
        """Tell the other processes what comes next; only the first one does."""

    def tasks(self) -> Iterator[Task]:
        """What the first process says comes next, until it says to stop; for the others."""
        yield from ()

    def number_of_first(self, number: float) -> float:
        """The number that the first process gives here."""
        return number


ALONE = SingleProcess()


class ProcessGroup(SingleProcess):
    """One of several processes. Gloo carries the tasks, so that the host need not wait for a GPU."""

    def __init__(self, device: torch.device) -> None:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        tasks = dist.new_group(backend="gloo", timeout=PATIENCE)
        assert isinstance(tasks, dist.ProcessGroup)
        self._tasks = tasks

    def wrap_ddp(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are the mean over the processes. Li et al. 2020, PyTorch Distributed."""
        # A gradient that was computed channels last is copied, which at this size costs nothing.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        return DistributedDataParallel(model)

    def all_reduce(self, sums: Tensor) -> Tensor:
        """The sums over all processes, in place."""
        dist.all_reduce(sums)
        return sums

    def announce(self, task: Task) -> None:
        """Tell the other processes what comes next; only the first one does."""
        self._broadcast(task)

    def tasks(self) -> Iterator[Task]:
        """What the first process says comes next, until it says to stop; for the others, who wait for its word."""
        while (task := Task(self._broadcast(Task.STOP))) is not Task.STOP:
            yield task

    def number_of_first(self, number: float) -> float:
        """The number that the first process gives here."""
        word = torch.tensor([number], dtype=torch.float64)
        dist.broadcast(word, src=0, group=self._tasks)
        return float(word)

    def _broadcast(self, task: Task) -> int:
        word = torch.tensor([task], dtype=torch.uint8)
        dist.broadcast(word, src=0, group=self._tasks)
        return int(word)


def init_distributed(device_name: str, place: Place) -> tuple[Choice, SingleProcess]:
    """The device of this process, set up, and its place among those that train the run. Raises ConfigError."""
    choice = choose(of_process(device_name, place.local_processes, place.local_rank))
    prepare(choice.device)
    return choice, ProcessGroup(choice.device) if place.processes > 1 else ALONE
