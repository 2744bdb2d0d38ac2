"""Loads PyTorch, the images and the trainer: seconds in which the status says what is being loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.jobs.intervals import Intervals
from core.runs.metrics_log import MetricsLog
from core.runs.run import Run

if TYPE_CHECKING:
    from core.training.devices.load import LoadMeter
    from core.training.trainer import Trainer


@dataclass(frozen=True)
class Job:
    """What a trainer's process is given to do, besides the run itself: a new goal, another learning rate."""

    epochs: int | None = None
    learning_rate: float | None = None
    intervals: Intervals = field(default_factory=Intervals)


@dataclass(frozen=True)
class Setup:
    """A trainer, what measures the load of its device, and the device in words."""

    trainer: Trainer
    meter: LoadMeter
    device: str

    @property
    def description(self) -> str:
        """The device, and what does the steps on it; the latter may change at a save."""
        return f"{self.device}, {self.trainer.method}"


def load_trainer(run: Run, metrics: MetricsLog | None, job: Job, say: Callable[[str], object]) -> Setup:
    """The trainer of a run on this process's device; `say` is told what takes time. Raises UserError or OSError."""
    say("loading PyTorch")
    from core.data import registry
    from core.data.images import load_for_run
    from core.training.devices.choice import describe
    from core.training.devices.load import LoadMeter
    from core.training.distributed import init_distributed
    from core.training.trainer import Trainer

    config = run.config()
    say(f"loading {config.dataset}")
    images = load_for_run(config.image_source, registry.default_data_dir())
    choice, ranks = init_distributed(config.device)
    device = choice.device
    meter = LoadMeter(device)
    say(f"moving {config.dataset} to {device}")
    trainer = Trainer(
        run, images, device, metrics, job.epochs, job.learning_rate, ranks, report_seconds=job.intervals.report
    )
    processes = f"{ranks.world_size} processes" if ranks.world_size > 1 else ""
    return Setup(trainer, meter, ", ".join(filter(None, [describe(device), processes, choice.note])))


def explained(error: Exception) -> Exception:
    """An error that a lack of memory is behind as one that says what to do about it; any other as it is."""
    if "torch" not in sys.modules:
        return error
    from core.training.devices.memory import explained

    return explained(error)
