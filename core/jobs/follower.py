"""A trainer's process where torchrun started several: how they meet, and what those do that are not the first."""

from __future__ import annotations

import signal

from core.data import registry
from core.data.images import load_for_run
from core.runs.run import Run
from core.training.distributed import init_distributed
from core.training.trainer import Trainer


def run_follower_rank(run: Run, epochs: int | None, learning_rate: float | None) -> None:
    """Compute this process's share of every step, until the first process says that training ends."""
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    config = run.config()
    images = load_for_run(config.image_source, registry.default_data_dir())
    device, group = init_distributed(config.device)
    for _ in Trainer(run, images, device, None, epochs, learning_rate, group).steps():
        if group.agree(False):
            return
