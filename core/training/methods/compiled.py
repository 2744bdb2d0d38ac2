"""A step as one call into compiled code, on a CPU."""

from __future__ import annotations

from torch import Tensor

from core.kernels.step_library import Products
from core.training.methods.training import MARK, Training


class CompiledStep:
    """Does what `TrainingStep` does with other bits, which the optimizer's state says. Raises Unavailable."""

    def __init__(self, training: Training, products: Products) -> None:
        self._training = training
        self._compiled = training.objective.compile_step(training.optimizer, training.config.batch_size, products)
        training.optimizer.param_groups[0][MARK] = str(products)
        self.method = f"compiled step, {products}"

    def __call__(self, indices: Tensor) -> None:
        """Do the step."""
        training = self._training
        noise = training.objective.sample_noise(len(indices), training.generator)
        training.totals.sums += self._compiled(indices, noise)
