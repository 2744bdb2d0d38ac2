"""What a step of training works on, whatever does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from core.runs.config import RunConfig
from core.training.distributed import SingleProcess
from core.training.objectives import Objective
from core.training.step import ScheduledAdam
from core.training.totals import RunningTotals

# A key of the optimizer's group that programs without other methods do not read, and do not write either.
MARK = "compiled"
# Another such key: with how many threads PyTorch's layers did the steps on a CPU.
THREADS = "threads"
MOST_THREADS = 256


@dataclass(frozen=True)
class Training:
    """A run's model and loss, and all that a step changes."""

    objective: Objective
    optimizer: ScheduledAdam
    generator: torch.Generator
    totals: RunningTotals
    ranks: SingleProcess
    config: RunConfig
    device: torch.device
    threads: int | None = None  # for PyTorch's layers on a CPU, where the run is new; None: as many as it takes


def mark_of(optimizer_state: Mapping[str, Any]) -> str | None:
    """The method that made the state of an optimizer; None where PyTorch's own layers did."""
    mark = optimizer_state["param_groups"][0].get(MARK)
    return None if mark is None else str(mark)


def threads_of(optimizer_state: Mapping[str, Any]) -> int | None:
    """With how many threads PyTorch's layers made the state of an optimizer; None where it does not say."""
    threads = optimizer_state["param_groups"][0].get(THREADS)
    return threads if isinstance(threads, int) and 0 < threads <= MOST_THREADS else None
