"""The device a run trains on: choosing it, naming it, and how busy it is."""

from __future__ import annotations

import platform
from functools import cache
from typing import Any

import psutil
import pynvml
import torch

from core.errors import ConfigError
from core.runs.status import DeviceLoad


def resolve(name: str) -> torch.device:
    """The device of a name such as auto, cpu, cuda:1 or mps. Raises ConfigError when it is not there."""
    if name == "auto":
        return torch.device(available()[0])
    device = torch.device(name)
    wanted = f"cuda:{device.index or 0}" if device.type == "cuda" else name
    if wanted not in available():
        known = ", ".join(available())
        raise ConfigError({"device": f"device must be one that this machine has: auto, {known}; not {name}"})
    return torch.device(wanted)


@cache
def available() -> tuple[str, ...]:
    """The names of the devices PyTorch can use here, the fastest first."""
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    metal = ["mps"] if torch.backends.mps.is_available() else []
    return (*gpus, *metal, "cpu")


def make_repeatable(device: torch.device) -> None:
    """Have PyTorch choose deterministic algorithms where it has them; those for CPUs are anyway."""
    if device.type == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def describe(device: torch.device) -> str:
    """The device's product name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor_name() if device.type == "cpu" else f"{platform.machine()} GPU"


def processor_name() -> str:
    """The processor of this machine and the number of threads PyTorch computes with."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123 - a file of the kernel, read as a stream
            name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    except OSError:
        pass
    threads = torch.get_num_threads()
    return f"{name}, {threads} thread{'s' * (threads != 1)}"


class LoadMeter:
    """Reads how busy the training device is: the GPU through NVML, else this process on the CPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._gpu = _nvml_handle(device) if device.type == "cuda" else None
        self._process = psutil.Process()
        self._process.cpu_percent()

    def read(self) -> DeviceLoad | None:
        """Utilisation in percent since the last reading, memory in bytes; None where nothing measures it."""
        if self._gpu is not None:
            memory = pynvml.nvmlDeviceGetMemoryInfo(self._gpu)
            busy = pynvml.nvmlDeviceGetUtilizationRates(self._gpu).gpu
            return DeviceLoad(utilisation=busy, memory_used=memory.used, memory_total=memory.total)
        if self._device.type != "cpu":
            return None
        return DeviceLoad(
            utilisation=self._process.cpu_percent() / (psutil.cpu_count() or 1),
            memory_used=self._process.memory_info().rss,
            memory_total=psutil.virtual_memory().total,
        )


def _nvml_handle(device: torch.device) -> Any | None:
    """NVML's handle of a CUDA device, found by its unique id: CUDA may count devices differently."""
    try:
        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except pynvml.NVMLError:
        return None
