"""Whether this machine has a device: PyTorch is loaded only for one that it may not have."""

from __future__ import annotations


def check_device(name: str, processes: int = 1) -> None:
    """Raise ConfigError where there is no such device, it cannot be used, or too few for processes on this machine."""
    if name == "cpu" or (name == "auto" and processes == 1):
        return
    from core.training.devices import choice

    choice.resolve(choice.of_process(name, processes, rank=0))
