"""A step through PyTorch's own layers on a CPU, always with the same number of threads."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from core.cores import fixed_threads


class FixedThreads:
    """Does a step with so many threads, whatever else is computed with how many: its bits depend on their number."""

    def __init__(self, step: Callable[[Tensor], None], threads: int) -> None:
        self._do, self._threads = step, threads

    def __call__(self, indices: Tensor) -> None:
        """Do the step."""
        with fixed_threads(self._threads):
            self._do(indices)
