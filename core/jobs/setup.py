"""Loads PyTorch, the images and the trainer, stage by stage."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.cores import CoreMeter, SharedThreads
from core.group import ALONE, find_place
from core.jobs.trainer.ending import OnFinish
from core.jobs.trainer.intervals import Intervals
from core.jobs.trainer.limit import TimeLimit
from core.jobs.trainer.stages import Stages
from core.kernels.step_library import compile_ahead
from core.runs.config import RunConfig
from core.runs.metrics.log import MetricsLog
from core.runs.run import Run
from core.runs.status import Asked
from core.training.methods.usual import slower_on_cpu

if TYPE_CHECKING:
    from core.data.images import ImageSet
    from core.data.registry import ImageSource
    from core.training.devices.load import LoadMeter
    from core.training.methods.shared import SharedStep
    from core.training.saving.writing import Saving as Saving  # for those that train by it
    from core.training.trainer import Trainer


@dataclass(frozen=True)
class Job:
    """What a trainer's process is given to do, besides the run itself.

    A new goal, another rate, where images are, what is to be done at the end, on which device, and for how long.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    data_dir: Path | None = None
    on_finish: OnFinish | None = None
    device: str | None = None  # another one than the run's own
    from_queue: bool = False  # to be trained only if it waits there
    time_limit: TimeLimit | None = None
    processes: int | None = None  # another number than the run was made for
    intervals: Intervals = field(default_factory=Intervals)


@dataclass(frozen=True)
class Setup:
    """A trainer, what measures the load of its device, its share of the cores, and the device in words.

    `left_out` says which pictures were to be skipped, as they could not be decoded.
    """

    trainer: Trainer
    meter: LoadMeter
    threads: SharedThreads
    device: str
    left_out: str = ""

    @property
    def description(self) -> str:
        """The device, and what does the steps on it; the latter may change at a save."""
        return f"{self.device}, {self.trainer.method}"

    @property
    def shares_step(self) -> bool:
        """Whether its steps are those that several runs share."""
        return self.trainer.place is not None

    @property
    def waits_for_step(self) -> bool:
        """Whether it has given a batch to such a step, which was not done yet."""
        return self.trainer.place is not None and self.trainer.place.batch is not None


@dataclass
class Shared:
    """What several runs of one process have together: their images, and the step of those that kernels train."""

    runs: int
    images: dict[tuple[ImageSource, str], ImageSet] = field(default_factory=dict)  # by the name of their device
    step: SharedStep | None = None

    def do_step(self, setups: Iterable[Setup]) -> None:
        """Do a step of those that share one, once all have given a batch. Raises what PyTorch raises without memory."""
        places = [setup.trainer.place for setup in setups if setup.trainer.place is not None]
        if self.step is not None and places:
            self.step.launch(places)


def load_trainer(
    run: Run,
    metrics: MetricsLog | None,
    job: Job,
    stages: Stages,
    shared: Shared | None = None,
    asked: Sequence[Asked] = (),
) -> Setup:
    """The trainer of a run on this process's device. Raises UserError or OSError."""
    config = run.config()
    given = {"device": job.device or config.device, "processes": job.processes or config.processes}
    config = config.model_copy(update=given)
    cores = CoreMeter()
    stages.begin("loading PyTorch")
    compiling = compile_ahead(config.precision, config.sizes.features) if _may_need_step(config) else None
    from core.data import registry
    from core.data.images import load_for_run
    from core.training.devices.choice import describe
    from core.training.devices.load import LoadMeter
    from core.training.distributed import init_distributed
    from core.training.methods.shared import SharedStep
    from core.training.trainer import Trainer

    stages.begin(f"loading {config.dataset}")
    key = config.image_source, config.device
    images = shared and shared.images.get(key)
    images = images or load_for_run(config.image_source, job.data_dir or registry.default_data_dir())
    stages.begin("setting up the device")
    place = ALONE if shared is not None else find_place(config.processes)
    choice, ranks = init_distributed(config.device, place)
    device = choice.device
    meter = LoadMeter(device)
    if compiling is not None and compiling.is_alive() and device.type == "cpu":
        stages.begin("compiling the step")
        compiling.join()
    stages.begin(f"moving {config.dataset} to {device}")
    threads = SharedThreads(cores)
    processes = f"{ranks.world_size} processes" if ranks.world_size > 1 else ""
    if shared is not None:
        images = shared.images[key] = images.to(device)
        shared.step = shared.step or SharedStep()
        processes = f"{shared.runs} runs in one process" if shared.runs > 1 else ""
    trainer = Trainer(
        run, images, device, metrics, asked, ranks, report_seconds=job.intervals.report,
        shared=None if shared is None else shared.step, threads=threads.count if ranks.world_size == 1 else None,
    )  # fmt: skip
    said = ", ".join(filter(None, [describe(device), processes, choice.note]))
    return Setup(trainer, meter, threads, said, images.left_out)


def _may_need_step(config: RunConfig) -> bool:
    """Whether a run may need the compiled step; whether there is a GPU, only PyTorch will know."""
    of_autoencoder = not config.preset_record.learns_prior
    return config.device in ("auto", "cpu") and of_autoencoder and not slower_on_cpu(config)


def explained(error: Exception) -> Exception:
    """An error that a lack of memory is behind as one that says what to do about it; any other as it is."""
    if "torch" not in sys.modules:
        return error
    from core.training.devices.memory import explained

    try:
        return explained(error)
    except Exception:  # noqa: BLE001 - what only explains must not hide what happened
        return error
