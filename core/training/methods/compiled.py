"""A step as one call into compiled code, on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from core.training.methods.training import MARK, Training

NUMBERS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class CompiledStep:
    """Does what `TrainingStep` does with other bits, which the optimizer's state says. Raises Unavailable."""

    def __init__(self, training: Training, dtype: torch.dtype) -> None:
        self._training = training
        self._compiled = training.objective.compile_step(training.optimizer, training.config.batch_size, dtype)
        number = str(dtype).removeprefix("torch.")
        training.optimizer.param_groups[0][MARK] = number
        self.method = f"compiled step, {number}"

    def __call__(self, indices: Tensor) -> None:
        """Do the step."""
        training = self._training
        noise = training.objective.sample_noise(len(indices), training.generator)
        training.totals.sums += self._compiled(indices, noise)
