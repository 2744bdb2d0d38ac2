"""The trainer's real process with the Triton step in place of PyTorch's: `python -m tests.gpu.wired RUN_DIR`.

`wire` is what the wiring has to do, and nothing else: models, optimizer and state are the trainer's own. With `--torch`
the process steps with PyTorch's layers; with `--often` it saves every half second.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from core.jobs import worker
from core.jobs.intervals import Intervals
from core.jobs.setup import Job
from core.kernels.gpu.step import TritonStep
from core.runs.run import Run
from core.training import trainer as trainers
from core.training.objectives import ImageObjective


def wire(trainer: trainers.Trainer) -> TritonStep:
    """Have this trainer step with the kernels; to be called once its state is loaded."""
    objective = trainer.objective
    assert isinstance(objective, ImageObjective)
    precision = "bfloat16" if trainer.config.precision == "bfloat16" else "float32"
    step = TritonStep(
        [objective.model], [trainer.optimizer], [trainer.generator], objective.images.train_images,
        [objective.kl_weight], trainer.config.batch_size, precision,
    )  # fmt: skip
    step.totals[0].copy_(trainer.totals.sums)
    trainer.totals.sums = step.totals[0]
    trainer._step = step
    trainer.method = f"Triton {precision}"
    return step


class WiredTrainer(trainers.Trainer):
    """A trainer that is wired from its beginning."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        wire(self)


def main() -> int:
    """Train the run that the command line names, as the worker does."""
    path, *options = sys.argv[1:]
    if "--torch" not in options:
        trainers.Trainer = WiredTrainer  # type: ignore[misc]
    often = Intervals(first_save=0.5, last_save=0.5, save_share=1.0)
    return worker.train(Run(Path(path)), Job(intervals=often if "--often" in options else Intervals()))


if __name__ == "__main__":
    sys.exit(main())
