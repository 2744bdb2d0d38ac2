"""What a job of a cluster does: it trains one run, and has it saved and queued anew before its time is over."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import RunError
from core.jobs import launch
from core.jobs.cluster.place import job_here
from core.runs.keeping.queued import new_entry, write_entry
from core.runs.run import Run
from core.runs.status import State

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


class TrainRun:
    """Trains the run in a folder, as submitit calls it in a job; pickled there and back by these two paths."""

    def __init__(self, path: Path, data_dir: Path | None) -> None:
        self.path, self.data_dir = path, data_dir
        self._trainer: subprocess.Popen[bytes] | None = None

    def __reduce__(self) -> tuple[type[TrainRun], tuple[Path, Path | None]]:
        return type(self), (self.path, self.data_dir)

    def __call__(self) -> str:
        """Train until the run ends; its state. A run that waits no more is left alone. Raises RunError."""
        run = Run(self.path)
        config = run.training_config()
        words = [*launch.command(run, config), "--from-queue"]
        if self.data_dir is not None:
            words += ["--data-dir", str(self.data_dir)]
        with run.log_path.open("ab") as log:
            # In the process group of the job, whose signals are for the trainer, too.
            self._trainer = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=launch.environment(config)
            )
        _await_end(self._trainer)
        if status := self._trainer.wait():
            raise RunError(f"the trainer of {run.name} ended with {status}: {run.last_log_line() or 'no word'}")
        return str(run.state())

    def checkpoint(self, *_arguments: Any, **_options: Any) -> DelayedSubmission | None:
        """Have the run saved and stopped, and wait for the job's next turn; None where there is nothing left to do.

        submitit calls it on the scheduler's warning, and has the job queued anew.
        """
        from submitit.helpers import DelayedSubmission

        if self._trainer is not None:
            self._trainer.terminate()
            _await_end(self._trainer)
        run = Run(self.path)
        if run.last_status().state is State.FINISHED:
            return None
        entry = new_entry(data_dir=self.data_dir)
        write_entry(self.path, entry.model_copy(update={"host": job_here() or entry.host}))
        return DelayedSubmission(TrainRun(self.path, self.data_dir))


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Return once it has ended; `wait` would hold a lock for which a signal's handler then waited for ever."""
    with suppress(ChildProcessError):  # its end was seen before
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
