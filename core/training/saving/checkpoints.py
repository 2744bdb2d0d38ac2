"""What a run keeps of its training: the newest weights and the best ones, snapshots, and the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from core.errors import DamagedFile, RunError
from core.models.weights import IMPORTED, metadata_of
from core.runs.config import RunConfig
from core.runs.metrics.log import MetricsLog
from core.runs.run import Run
from core.runs.snapshots.keeping import Keeper
from core.runs.snapshots.moments import most_kept
from core.training.checkpoint import check_finite, checked_weights
from core.training.objectives import Objective
from core.training.saving.copies import on_host
from core.training.saving.taking import Taken
from core.training.saving.writing import Save, Saving, Writer


class Checkpoints:
    """Takes weights at step boundaries, and has them written while training goes on.

    Best weights wait for the next save; a resume finds them again.
    """

    def __init__(self, run: Run, config: RunConfig, objective: Objective, batches_per_epoch: int) -> None:
        self._preset, self._objective, self._batches_per_epoch = config.preset, objective, batches_per_epoch
        self._origin = _imported(run)
        thread = ThreadPoolExecutor(1, "saves")
        self.snapshots = Keeper(run, batches_per_epoch, most_kept(config), thread)
        self._writer = Writer(run, self.snapshots, thread)
        self._best: bytes | None = None

    def keep_best(self, step: int, epoch: int) -> None:
        """Have the next save write the weights of now as the best ones. Raises Diverged."""
        self._best = self._weights(step, epoch)()

    def keep_snapshot_if_due(self, step: int) -> None:
        """Have the weights of now written as a snapshot, where one is due."""
        if self.snapshots.is_due(step):
            self.snapshots.keep(step, self._weights(step, f"{step / self._batches_per_epoch:.6g}"))

    def begin(
        self, step: int, taken: Taken, progress: Mapping[str, Any], metrics: MetricsLog, *, measured: bool
    ) -> Saving:
        """Have a save written, with or without what has to be measured of the weights. Raises Diverged or OSError."""
        metadata = self._metadata(step, progress["epoch"], measured=measured)
        check_finite(taken.is_finite, metadata)
        progress = {**progress, "metrics_length": metrics.flush()}
        best, self._best = self._best, None
        return self._writer.begin(Save(step, taken, metadata, progress, best, metrics))

    def _metadata(self, step: int, epoch: object, *, measured: bool = False) -> dict[str, object]:
        """What is stored beside weights."""
        own = {"preset": self._preset, "epoch": epoch, "step": step} | self._origin
        return own | self._objective.metadata(measured=measured)

    def _weights(self, step: int, epoch: object) -> Callable[[], bytes]:
        """What gives the weights of now as a file holds them, and raises Diverged."""
        return partial(checked_weights, on_host(self._objective.model.state_dict()), self._metadata(step, epoch))


def _imported(run: Run) -> dict[str, object]:
    """From where the first weights of a run were imported, as its weights say; mostly nothing."""
    # Without a file, or with a damaged one, training goes on all the same: the state has weights too.
    with suppress(RunError, DamagedFile, KeyError, ValueError, TypeError, RecursionError):
        return {IMPORTED: metadata_of(run.read_weights())[IMPORTED]}
    return {}
