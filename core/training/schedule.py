"""The learning rate: what was asked for, and what a schedule makes of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.runs.config import Schedule


class LRScheduler:
    """The step size of an optimizer with one group of parameters; what was asked for is saved in its state."""

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule, base: float) -> None:
        self._optimizer, self._schedule = optimizer, schedule
        self.base = base

    @property
    def base(self) -> float:
        """What was asked for."""
        return float(self._optimizer.param_groups[0]["initial_lr"])

    @base.setter
    def base(self, rate: float) -> None:
        self._optimizer.param_groups[0]["initial_lr"] = rate

    def after(self, share: float) -> float:
        """What it is after a share of the training. Cosine: Loshchilov & Hutter 2017, equation 5, one period."""
        return self.base if self._schedule == "constant" else self.base * (1 + math.cos(math.pi * share)) / 2

    def set(self, share: float) -> None:
        """Have the next step take it; in place where it lies on a GPU, as a recorded step looks for it there."""
        (group,) = self._optimizer.param_groups
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(self.after(share))
        else:
            group["lr"] = self.after(share)
