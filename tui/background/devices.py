"""Whether this machine has a device: PyTorch is loaded only for one that it may not have."""

from __future__ import annotations


def check_device(name: str) -> None:
    """Raise ConfigError, which names the devices there are, where there is no such device."""
    if name in ("auto", "cpu"):
        return
    from core.training import devices

    devices.resolve(name)
