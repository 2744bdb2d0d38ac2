"""Gathers what the alerts of a run are found from, and remembers which of them are on."""

from __future__ import annotations

import math
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.arrays import Column
from core.errors import DamagedFile
from core.runs.alerts.rules import VALIDATIONS, Facts, Kind, find_alerts
from core.runs.metrics.reader import MetricsReader
from core.runs.status import boot_id, uptime
from core.shapes import IMAGE_SHAPE, PADDED_SIZE

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.metrics.reader import Table

# The largest errors of a picture that is grey all over: (1/2)² a pixel of 32x32, and ln 2 nats a pixel of 28x28.
GREY = {"gaussian": PADDED_SIZE**2 / 4, "bernoulli": math.prod(IMAGE_SHAPE) * math.log(2)}
NEWEST = 20  # step lines, ten seconds of them
USUAL = 5000  # of which the median is what is usual
FEWEST = 60  # before anything is usual
RECENT = 20  # validations, from which their noise is told


@dataclass(frozen=True)
class Disk:
    """The bytes of a disk, and those that are free."""

    free: int
    total: int


def free_space(folder: Path) -> Disk | None:
    """What is free where the folder lies; None where that cannot be told."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def gather(summary: RunSummary, steps: Table, epochs: Table, disk: Disk | None, now: float, boot: str | None) -> Facts:
    """What is known of a run, at a time in seconds since a machine's start."""
    status, config = summary.status, summary.config
    facts = Facts(summary.state, epoch=status.epoch if status else 0)
    if disk is not None:
        facts = replace(facts, free=disk.free, total=disk.total)
    if status is not None:
        silent = now - status.uptime if boot is not None and status.boot == boot else None
        facts = replace(facts, cause=status.cause, pid=status.pid, begun=status.begun, silent=silent)
    fork = config.forked_from if config else None
    facts = replace(facts, speed=_speed(steps, fork.step if fork else 0))
    if config is not None and summary.preset.has_kl and config.beta and len(steps) >= NEWEST:
        facts = replace(facts, kl=_median(steps["kl"][-NEWEST:]))
    if config is not None and not summary.preset.learns_prior and summary.validation is not None:
        facts = replace(facts, over_grey=summary.validation[1] / GREY[config.likelihood])
    return _with_validations(facts, epochs, fork.best_since if fork else 0)


def _speed(steps: Table, since: int) -> float | None:
    """The throughput of the last steps as a share of the usual one, after the step with which a fork began."""
    speeds = steps["images_per_second"][int(np.searchsorted(steps["step"], since, "right")) :]
    if len(speeds) < FEWEST:
        return None
    newest, usual = _median(speeds[-NEWEST:]), _median(speeds[-USUAL:])
    return newest / usual if newest is not None and usual else None


def _median(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _with_validations(facts: Facts, epochs: Table, since: int) -> Facts:
    measured = np.isfinite(epochs["val_loss"]) & (epochs["step"] > since)
    losses = epochs["val_loss"][measured]
    if not len(losses):
        return facts
    best = int(losses.argmin())
    scale = max(abs(float(losses[best])), 1e-12)
    above, noise = float(losses[-VALIDATIONS:].min() - losses[best]) / scale, _noise(losses[-RECENT:]) / scale
    best_epoch = int(epochs["epoch"][measured][best])
    return replace(facts, best_epoch=best_epoch, since_best=len(losses) - 1 - best, above_best=above, noise=noise)


def _noise(values: Column) -> float:
    """The deviation of what comes and goes from one value to the next, whatever the trend is.

    By the median of second differences, whose variance is six times that of independent noise.
    """
    if len(values) < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(values, 2)))) / (0.6745 * 6**0.5)


class RunAlerts:
    """The alerts of one run from look to look; `metrics` is what somebody else reads of it anyway."""

    def __init__(self, metrics_path: Path, metrics: MetricsReader | None = None) -> None:
        self._folder = metrics_path.parent
        self._metrics, self._reads = metrics or MetricsReader(metrics_path), metrics is None
        self._before: Collection[Kind] = ()

    def add_to(self, summary: RunSummary) -> RunSummary:
        """The summary with its alerts."""
        if self._reads and summary.is_active:
            with suppress(DamagedFile, OSError):  # the screens of the run say so
                self._metrics.poll()
        disk = free_space(self._folder) if summary.is_active else None
        facts = gather(summary, self._metrics.steps, self._metrics.epochs, disk, uptime(), boot_id())
        alerts = find_alerts(facts, self._before)
        self._before = {alert.kind for alert in alerts}
        return replace(summary, alerts=alerts)
