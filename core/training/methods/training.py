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


def mark_of(optimizer_state: Mapping[str, Any]) -> str | None:
    """The method that made the state of an optimizer; None where PyTorch's own layers did."""
    mark = optimizer_state["param_groups"][0].get(MARK)
    return None if mark is None else str(mark)
