"""The other processes of a run that several processes train: each computes what the first one tells it to."""

from __future__ import annotations

import signal

from core.jobs.setup import Job, load_trainer
from core.jobs.stages import Stages
from core.runs.run import Run


def run_follower_rank(run: Run, job: Job) -> None:
    """Compute this process's part of every step, until the first process says that training ends."""
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    load_trainer(run, None, job, Stages(show=lambda activity: None)).trainer.follow()
