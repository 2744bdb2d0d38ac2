"""How many cores other processes leave to this one, and so how many threads PyTorch should compute with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psutil

SHORTEST = 0.5  # seconds over which the use of cores is told; the system counts in hundredths


class CoreMeter:
    """Tells how many cores this process could use without waiting for others, from one reading to the next.

    Where the system does not tell what others do, these are all.
    """

    def __init__(self) -> None:
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        self._at, self._others = self._count()
        self._free = self._total = len(self._cores or ()) or os.cpu_count() or 1

    def read(self) -> int:
        """The cores that others left, at least one; within SHORTEST of the last reading what that gave."""
        at, others = self._count()
        if at - self._at >= SHORTEST:
            taken = (others - self._others) / (at - self._at)
            self._free = min(max(1, int(self._total - taken + 0.5)), self._total)
            self._at, self._others = at, others
        return self._free

    def _count(self) -> tuple[float, float]:
        """Now, and the seconds that other processes have used of the cores that this one may use; 0 if nobody tells."""
        try:
            every = psutil.cpu_times(percpu=True)
            ours = every if self._cores is None else [every[core] for core in self._cores]
            own = psutil.Process().cpu_times()
        except (psutil.Error, OSError, LookupError, ValueError):  # containers hide it, or show other cores
            return time.monotonic(), 0.0
        return time.monotonic(), sum(core.user + core.nice + core.system for core in ours) - own.user - own.system


class SharedThreads:
    """Has PyTorch compute with as many threads as there are cores left, and no more than it takes by itself.

    Threads of OpenMP wait for each other at every turn: where one of them has no core, all stand still. With one thread
    nobody waits. Only for what has the same bits with any number of threads, such as a validation or an evaluation.
    """

    def __init__(self, cores: CoreMeter) -> None:
        self._cores = cores
        _usual_threads()

    @property
    def count(self) -> int:
        """How many threads there should be now."""
        return min(_usual_threads(), self._cores.read())

    def adapt(self) -> None:
        """Look again at what others do."""
        import torch

        torch.set_num_threads(self.count)


@cache
def _usual_threads() -> int:
    """As many as PyTorch takes before anybody chooses: those of OMP_NUM_THREADS, or one a core."""
    import torch

    return torch.get_num_threads()


@contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """Has PyTorch compute with so many threads in there: for what has other bits with another number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
