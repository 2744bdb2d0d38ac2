"""The moment of a run at which a fork of it begins."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

from core import files
from core.errors import ConfigError, DamagedFile, RunError
from core.runs.config import RunConfig
from core.runs.forks.origin import epoch_words
from core.runs.metrics.lines import last_lines
from core.runs.run import Run
from core.runs.snapshots.folder import Snapshot, snapshots_of


@dataclass(frozen=True)
class Moment:
    """After so many steps, and epochs and parts of one; of a snapshot, or of the newest state, which may be newer."""

    step: int
    epoch: float
    snapshot: Snapshot | None = None

    @property
    def epochs_done(self) -> int:
        """Whole epochs."""
        return int(self.epoch + 1e-9)

    @property
    def words(self) -> str:
        """`the newest state, epoch 12.3`, or `the snapshot of epoch 4.1`."""
        what = "the snapshot of epoch" if self.snapshot else "the newest state, epoch"
        return f"{what} {epoch_words(self.epoch)}"


def parse_epoch(text: str) -> float:
    """An epoch as typed. Raises ConfigError."""
    with suppress(ValueError, OverflowError):
        if 0 <= (epoch := float(text)) < math.inf:
            return epoch
    raise ConfigError({"at": f"at must be a number of epochs, such as 12 or 0.5, not {text[:60]!r}"})


def newest_moment(run: Run) -> Moment:
    """The newest state that was saved. Raises RunError where there is none, DamagedFile or OSError."""
    check_saved(run)
    status, last = run.last_status(), last_lines(run.metrics_path)
    step = status.saved_step or int(max((line["step"] for line in last.values()), default=0))
    return Moment(step, step / steps_per_epoch(run))


def check_saved(run: Run) -> None:
    """Raise RunError where no state was saved, DamagedFile where it is gone, or OSError."""
    run.check_there()
    if not files.exists(run.state_path):
        if run.last_status().saved_step:
            run.check_state()
        raise RunError(f"{run.name} has saved no state yet that a fork could go on from")


def nearest_moment(run: Run, epoch: float) -> Moment:
    """The snapshot nearest to an epoch. Raises RunError where there is none, DamagedFile or OSError."""
    if not (found := snapshots_of(run)):
        raise RunError(f"{run.name} has no snapshots; without --at a fork goes on from its newest state")
    nearest = min(found, key=lambda snapshot: abs(snapshot.epoch - epoch))
    return Moment(nearest.step, nearest.epoch, nearest)


def steps_per_epoch(run: Run) -> int:
    """The number of steps in an epoch, of the status or the metrics. Raises RunError, DamagedFile or OSError."""
    if steps := run.last_status().steps_per_epoch:
        return steps
    last = last_lines(run.metrics_path).get("epoch", {})
    if last.get("epoch", 0) >= 1 and (counted := int(last["step"] / last["epoch"] + 0.5)):
        return counted
    raise RunError(f"{run.name} says nowhere how many steps an epoch has; resume it first, which writes that down")


def settings_now(run: Run) -> RunConfig:
    """The settings with the goal and the learning rate that were asked for since, as far as its status can be read.

    Raises RunError for a run of a newer version, DamagedFile or OSError.
    """
    config = run.training_config()
    with suppress(DamagedFile, FileNotFoundError):
        status = run.status()
        now = {"epochs": status.epochs or config.epochs}
        return config.model_copy(update=now | {"learning_rate": status.base_learning_rate or config.learning_rate})
    return config


def moment_of(run: Run, epoch: float | None) -> Moment:
    """The newest state that was saved, or the snapshot nearest to an epoch. Raises RunError, DamagedFile or OSError."""
    return newest_moment(run) if epoch is None else nearest_moment(run, epoch)
