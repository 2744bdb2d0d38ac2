"""What a training reports: the lines of metrics.jsonl."""

from __future__ import annotations

from collections.abc import Callable

from core.models.autoencoder import KlWeight
from core.runs.metrics.lines import COUNTS, DEVICE_COLUMNS
from core.runs.metrics.log import MetricsLog
from core.runs.status import GpuFigures
from core.training.totals import RunningTotals, TrainingClock
from core.training.validation import Validated

DEVICE_SECONDS = 5.0  # of training between two lines of how busy a GPU is


class Reports:
    """Writes a line for each epoch, and of steps one in so many seconds, which covers those since the one before."""

    def __init__(
        self, metrics: MetricsLog, totals: RunningTotals, clock: TrainingClock, kl_weight: KlWeight, seconds: float
    ) -> None:
        self.metrics = metrics
        self._totals, self._clock, self._kl_weight, self._seconds = totals, clock, kl_weight, seconds
        self._device_at = -DEVICE_SECONDS

    def steps_if_due(
        self, epoch: int, step: int, learning_rate: float, gradient_norm: Callable[[], float | None]
    ) -> None:
        """Report the steps since the last report, where that is long enough ago. Raises Diverged."""
        self._clock.read()  # the first step has a line at once: whoever waits for a curve sees where it begins
        if not self._totals.unlogged or (step > 1 and self._clock.since_report < self._seconds):
            return
        totals = self._totals.take_unlogged(step)
        throughput = self._clock.report(totals.images)
        line = {"kind": "step", "epoch": epoch, "step": step, "time": round(self._clock.seconds, 3)}
        line |= totals.means(self._kl_weight) | {"learning_rate": learning_rate}
        self.metrics.append(line | {"images_per_second": throughput, "gradient_norm": gradient_norm()})

    def epoch(self, epoch: int, step: int, validation: Validated | None, frechet: float | None) -> float | None:
        """Report an epoch that ends as number `epoch` (from 1); the validation loss. Raises Diverged."""
        totals = self._totals.read(step)
        throughput = self._clock.end_epoch(totals.images)
        line = {"kind": "epoch", "epoch": epoch, "step": step, "time": round(self._clock.seconds, 3)}
        line |= totals.means(self._kl_weight, "train_")
        validated = dict.fromkeys(("val_loss", "val_reconstruction", "val_kl"))
        used: dict[str, float] = {}
        if validation is not None:
            validated |= validation.totals.means(self._kl_weight, "val_")
            used |= validation.latent_use
        self.metrics.append(line | validated | {"frechet": frechet, "images_per_second": throughput} | used)
        self._totals.carry_over(totals)
        return validated["val_loss"]

    def learning_rate(self, epoch: int, step: int, rate: float) -> None:
        """Report that another learning rate was asked for, before any schedule."""
        self._clock.read()
        line = {"kind": "learning_rate", "epoch": epoch, "step": step, "time": round(self._clock.seconds, 3)}
        self.metrics.append(line | {"learning_rate": rate})

    def device(self, epoch: int, step: int, gpu: GpuFigures | None) -> None:
        """Report how busy the GPU is, where there is one and the last report is long enough ago."""
        if gpu is None or self._clock.read() - self._device_at < DEVICE_SECONDS:
            return
        self._device_at = self._clock.seconds
        line = {"kind": "device", "epoch": epoch, "step": step, "time": round(self._clock.seconds, 3)}
        self.metrics.append(line | {name: getattr(gpu, name) for name in DEVICE_COLUMNS[len(COUNTS) :]})
