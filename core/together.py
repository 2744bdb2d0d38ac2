"""A trainer's process where torchrun started several: how they meet, and what those do that are not the first."""

from __future__ import annotations

import signal

import torch

from core import browsing, data, devices, ranks
from core.ranks import Group, Ranks
from core.run import Run
from core.training import Trainer


def meet(device_name: str) -> tuple[torch.device, Ranks]:
    """The device of this process, made ready, and the others that train the same run. Raises ConfigError."""
    together = ranks.started_together()
    device = devices.resolve(ranks.own_device(device_name) if together else device_name)
    devices.make_repeatable(device)
    return device, Group(device) if together else ranks.ALONE


def train_along(run: Run, epochs: int | None, learning_rate: float | None) -> None:
    """Compute this process's share of every step, until the first process says that training ends."""
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    config = run.config()
    images = browsing.training_images(config, data.default_data_dir())
    device, group = meet(config.device)
    for _ in Trainer(run, images, device, None, epochs, learning_rate, group).steps():
        if group.agree(False):
            return
