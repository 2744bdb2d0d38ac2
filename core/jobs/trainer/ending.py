"""Runs the command that was given when a trainer was started, once a run has ended; it is kept nowhere in the run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core import files
from core.errors import UserError
from core.jobs.trainer.failures import Log
from core.runs.metrics.lines import last_lines, newest_validation
from core.runs.run import Run
from core.text import printable

OURS = ("PYTHONUNBUFFERED", "PYTHONSAFEPATH", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


@dataclass(frozen=True)
class OnFinish:
    """A command for the shell, and the folder in which it was given."""

    command: str
    folder: Path

    def run(self, run: Run, log: Log) -> None:
        """Start the command, with what became of the run in its environment; nobody waits for it.

        What it prints goes to the run's train.log, and why it cannot be started.
        """
        try:
            self._start(run, log)
        except (UserError, OSError) as error:
            log(f"cannot start the command for the end: {error}")

    def _start(self, run: Run, log: Log) -> None:
        told = {name: value for name, value in os.environ.items() if name not in OURS} | environment(run)
        descriptor = files.open_regular(run.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            log("starting the command for the end")  # before anything that it prints there
            subprocess.Popen(
                ["/bin/sh", "-c", self.command],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                cwd=self.folder if self.folder.is_dir() else "/",
                env=told,
            )
        finally:
            os.close(descriptor)


def environment(run: Run) -> dict[str, str]:
    """What became of a run, in variables; what is not known is empty. Raises DamagedFile or OSError."""
    status, config = run.status(), run.config()
    validation = newest_validation(run.metrics_path, last_lines(run.metrics_path))
    found = {
        "RUN": run.name,
        "PATH": run.path,
        "STATE": status.state,
        "EPOCH": status.epoch,
        "EPOCHS": status.epochs,
        "STEP": status.step,
        "PRESET": config.preset,
        "DATASET": config.dataset,
        "VAL_LOSS": validation and validation[1],
        "ERROR": status.error,
        "REASON": status.reason,
    }
    return {f"VAE_TUI_{name}": "" if value is None else printable(str(value)) for name, value in found.items()}
