"""Brings saves to the disk in a thread of its own, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from core.models.weights import weights_to_bytes
from core.runs.metrics.log import MetricsLog
from core.runs.run import Run
from core.runs.snapshots.keeping import Keeper
from core.training.checkpoint import TrainingState, save_state
from core.training.saving.copies import separate
from core.training.saving.taking import Taken


@dataclass(frozen=True)
class Save:
    """What is to be written: tensors, what is stored beside the weights, the other fields of a TrainingState.

    `best` are the bytes of the best weights, where there are new ones since the last save. The state counts on all
    lines that were written into `metrics` by now.
    """

    step: int
    taken: Taken
    metadata: Mapping[str, object]
    progress: Mapping[str, Any]
    best: bytes | None
    metrics: MetricsLog


class Saving:
    """A save on its way to the disk."""

    def __init__(self, step: int, written: Future[float]) -> None:
        self.step = step
        self._began, self._written = time.monotonic(), written

    @property
    def done(self) -> bool:
        """Whether `wait` returns, or raises, at once."""
        return self._written.done()

    def wait(self) -> None:
        """Return once it is on the disk. Raises OSError."""
        self._written.result()

    @property
    def seconds(self) -> float:
        """How long it took until it was there."""
        return self._written.result() - self._began


class Writer:
    """Writes what a run keeps of its training: snapshots, then weights, then the state; each file whole or not at all.

    state.pt comes last and holds the weights too, so that being killed between two files does no harm.
    """

    def __init__(self, run: Run, snapshots: Keeper, thread: ThreadPoolExecutor) -> None:
        """`thread`: the one in which snapshots are written, so that they come in turns."""
        self._run, self._snapshots, self._thread = run, snapshots, thread
        self._best: bytes | None = None  # of the thread: what the disk refused

    def begin(self, save: Save) -> Saving:
        """Have it written after those before it."""
        return Saving(save.step, self._thread.submit(self._write, save))

    def _write(self, save: Save) -> float:
        self._snapshots.write_waiting(save.step)
        model = separate(save.taken.model)
        self._best = save.best or self._best
        if self._best is not None:
            self._run.write_weights(self._best, best=True)
            self._best = None
        self._run.write_weights(weights_to_bytes(model, save.metadata))
        save.metrics.persist()
        permutation = separate(save.taken.others).get("permutation")
        tensors = {"model": model, "optimizer": save.taken.optimizer(), "permutation": permutation}
        save_state(self._run, TrainingState.model_validate({**save.progress, **tensors}))
        return time.monotonic()
