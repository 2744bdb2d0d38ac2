"""All that there is to see of one run now, its metrics included, and the moments of which it keeps snapshots."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from core.arrays import Column
from core.errors import DamagedFile, describe
from core.runs.alerts.following import RunAlerts
from core.runs.catalog import summarise
from core.runs.metrics.lines import DEVICE_COLUMNS, EPOCH_COLUMNS, RATE_COLUMNS, STEP_COLUMNS
from core.runs.metrics.reader import MetricsReader, Table
from core.runs.run import Run
from core.runs.snapshots.folder import Snapshot as KeptSnapshot
from core.runs.snapshots.folder import snapshots_of, version_of
from tui.messages import Moment, Moments, Snapshot

QUEUE_SECONDS = 3.0  # between looks at what a run waits for
FIRST_SECONDS = 0.2  # of a long run, before its first curves are shown


class RunReader:
    """One run, its metrics included; `standing` says what it waits for while it is queued."""

    def __init__(self, run: Run, standing: Callable[[Run], str] = lambda run: "") -> None:
        self._run, self._ask = run, standing
        self._metrics = MetricsReader(run.metrics_path)
        self._alerts = RunAlerts(run.metrics_path, self._metrics)
        self._seen: tuple[object, ...] | None = None
        self._waits, self._asked = "", -math.inf

    def poll(self) -> Snapshot | None:
        """A snapshot when any file of the run says something new."""
        summary = summarise(self._run)
        damage = None if summary.gone else self._poll_metrics()  # what was read of it is still true
        summary = self._alerts.add_to(summary)
        weights = self._run.weights_version()
        metrics = self._metrics
        counts = [len(table) for table in (metrics.steps, metrics.epochs, metrics.rates, metrics.devices)]
        waits = self._standing() if summary.queued else ""
        seen = (summary, weights, damage, *counts, metrics.unread, waits)
        if seen == self._seen:
            return None
        self._seen = seen
        steps, epochs = columns(metrics.steps, STEP_COLUMNS), columns(metrics.epochs, EPOCH_COLUMNS)
        rates, devices = columns(metrics.rates, RATE_COLUMNS), columns(metrics.devices, DEVICE_COLUMNS)
        return Snapshot(summary, steps, epochs, weights, damage, rates, metrics.unread, devices, waits)

    def _standing(self) -> str:
        """What it waits for, looked up every few seconds: that looks at all processes, and all that wait."""
        if time.monotonic() - self._asked > QUEUE_SECONDS:
            with suppress(OSError):  # as of a folder that is away, which the summary says
                self._waits = self._ask(self._run)
            self._asked = time.monotonic()
        return self._waits

    def _poll_metrics(self) -> str | None:
        try:
            self._metrics.poll(math.inf if self._seen else FIRST_SECONDS)
        except (DamagedFile, OSError) as error:
            return describe(error)
        count = self._metrics.damaged_lines
        return f"metrics.jsonl: {count:,} damaged line{'s' * (count != 1)} left out" if count else None


class MomentsReader:
    """The moments of one run of which there are snapshots, and what was measured until then."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._metrics = MetricsReader(run.metrics_path)
        self._version: int | None = None
        self._epochs = 0
        self._seen: Moments | None = None

    def poll(self) -> Moments | None:
        """All of them when any came or went, or more was measured. Metrics are read only where there are snapshots."""
        version = version_of(self._run)
        if version:
            with suppress(DamagedFile, OSError):  # the training screen says so
                self._metrics.poll()
        if (version, len(self._metrics.epochs)) == (self._version, self._epochs):
            return None
        self._version, self._epochs = version, len(self._metrics.epochs)
        found = Moments(self._run, moments(snapshots_of(self._run), self._metrics.epochs) if version else ())
        if found == self._seen:
            return None
        self._seen = found
        return found


def moments(snapshots: Sequence[KeptSnapshot], epochs: Table) -> tuple[Moment, ...]:
    """Snapshots, each with the last validation and the last Fréchet distance that were measured until then."""

    def last(name: str, step: int) -> tuple[int, float] | None:
        measured = np.flatnonzero(np.isfinite(epochs[name]) & (epochs["step"] <= step))
        return (int(epochs["epoch"][measured[-1]]), float(epochs[name][measured[-1]])) if len(measured) else None

    return tuple(
        Moment(each.step, each.epoch, last("val_loss", each.step), last("frechet", each.step)) for each in snapshots
    )


def columns(table: Table, names: tuple[str, ...]) -> dict[str, Column]:
    """The table as it is now."""
    return {name: table[name] for name in names}
