"""The trainer's real process under other conditions: `python -m tests.gpu.process RUN_DIR [--layers] [--saving]`.

With `--layers` PyTorch's own do all steps; with `--saving` a save begins when the one before it is on the disk.
"""

from __future__ import annotations

import sys
from pathlib import Path

from core.jobs import process
from core.jobs.setup import Job
from core.jobs.trainer.intervals import Intervals
from core.kernels.compiler import Unavailable
from core.runs.run import Run


def no_kernels(*given: object) -> None:
    """In place of `Kernels`."""
    raise Unavailable("they are not wanted")


def main() -> int:
    """Train the run that the command line names, as the worker does."""
    path, *options = sys.argv[1:]
    if "--layers" in options:
        from core.training.methods import choice  # PyTorch, which a trainer imports when it has begun

        vars(choice)["Kernels"] = no_kernels
    always = Intervals(first_save=0.0, last_save=0.0, save_share=0.0)
    return process.train([Run(Path(path))], Job(intervals=always if "--saving" in options else Intervals()))


if __name__ == "__main__":
    sys.exit(main())
