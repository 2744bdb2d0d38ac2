"""What a training reports: the lines of metrics.jsonl."""

from __future__ import annotations

from core.models.autoencoder import KlWeight
from core.runs.metrics.log import MetricsLog
from core.training.totals import LossTotals, RunningTotals, TrainingClock


class Reports:
    """Writes a line for each epoch, and of steps one in so many seconds, which covers those since the one before."""

    def __init__(
        self, metrics: MetricsLog, totals: RunningTotals, clock: TrainingClock, kl_weight: KlWeight, seconds: float
    ) -> None:
        self.metrics = metrics
        self._totals, self._clock, self._kl_weight, self._seconds = totals, clock, kl_weight, seconds

    def steps_if_due(self, epoch: int, step: int, learning_rate: float) -> None:
        """Report the steps since the last report, where that is long enough ago. Raises Diverged."""
        self._clock.read()  # the first step has a line at once: whoever waits for a curve sees where it begins
        if not self._totals.unlogged or (step > 1 and self._clock.since_report < self._seconds):
            return
        totals = self._totals.take_unlogged(step)
        throughput = self._clock.report(totals.images)
        line = {"kind": "step", "epoch": epoch, "step": step, "time": round(self._clock.seconds, 3)}
        line |= totals.means(self._kl_weight) | {"learning_rate": learning_rate}
        self.metrics.append(line | {"images_per_second": throughput})

    def epoch(self, epoch: int, step: int, validation: LossTotals | None, frechet: float | None) -> float | None:
        """Report an epoch that ends as number `epoch` (from 1); the validation loss. Raises Diverged."""
        totals = self._totals.read(step)
        throughput = self._clock.end_epoch(totals.images)
        line = {"kind": "epoch", "epoch": epoch, "step": step, "time": round(self._clock.seconds, 3)}
        line |= totals.means(self._kl_weight, "train_")
        validated = dict.fromkeys(("val_loss", "val_reconstruction", "val_kl"))
        if validation is not None:
            validated |= validation.means(self._kl_weight, "val_")
        self.metrics.append(line | validated | {"frechet": frechet, "images_per_second": throughput})
        self._totals.carry_over(totals)
        return validated["val_loss"]

    def learning_rate(self, epoch: int, step: int, rate: float) -> None:
        """Report that another learning rate was asked for, before any schedule."""
        self._clock.read()
        line = {"kind": "learning_rate", "epoch": epoch, "step": step, "time": round(self._clock.seconds, 3)}
        self.metrics.append(line | {"learning_rate": rate})
