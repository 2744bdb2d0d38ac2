"""What NVML and the system tell of a training device: how busy it is, how warm, and who holds its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psutil
import pynvml
import torch
from pydantic import ValidationError

from core.runs.status import DeviceLoad, GpuFigures, StatusChanges


class LoadMeter:
    """Reads how busy the training device is: the GPU through NVML, else this process on the CPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._gpu = nvml_handle(device) if device.type == "cuda" else None
        self.read()  # the next one tells of the time since

    def read(self) -> StatusChanges:
        """What the status tells of it: utilisation since the last reading; None where nothing measures it."""
        try:
            if self._gpu is not None:
                return _of_gpu(self._gpu)
            if self._device.type == "cpu":
                return self._of_process()
        except Exception:  # noqa: BLE001 - a system that tells nothing, or nonsense, must not end a training
            pass
        return {"device_load": None, "gpu": None}

    @cached_property
    def _process(self) -> psutil.Process:
        return psutil.Process()

    def _of_process(self) -> StatusChanges:
        load = DeviceLoad(
            utilisation=self._process.cpu_percent() / (psutil.cpu_count() or 1),
            memory_used=self._process.memory_info().rss,
            memory_total=psutil.virtual_memory().total,
        )
        return {"device_load": load, "gpu": None}


def _of_gpu(gpu: Any) -> StatusChanges:
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, gpu)
    rates = _ask(pynvml.nvmlDeviceGetUtilizationRates, gpu)
    # A part of a GPU (MIG) has neither a number nor sensors: those are its card's.
    card = _ask(pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle, gpu) or gpu
    power = _ask(pynvml.nvmlDeviceGetPowerUsage, card)
    figures = _known(
        card=_ask(pynvml.nvmlDeviceGetIndex, card),
        utilisation=rates and rates.gpu,
        memory_used=memory and memory.used,
        memory_total=memory and memory.total,
        temperature=_ask(pynvml.nvmlDeviceGetTemperature, card, pynvml.NVML_TEMPERATURE_GPU),
        power=None if power is None else power / 1000,
    )
    # Earlier versions read this one, and know no gaps in it.
    load = rates and memory and DeviceLoad(utilisation=rates.gpu, memory_used=memory.used, memory_total=memory.total)
    return {"device_load": load, "gpu": figures}


def _known(**values: Any) -> GpuFigures:
    """The figures, without those that cannot be: a card that falls off the bus says 4 billion degrees."""
    try:
        return GpuFigures(**values)
    except ValidationError as error:
        wrong = {found["loc"][0] for found in error.errors()}
        return GpuFigures(**{name: value for name, value in values.items() if name not in wrong})


def _ask(question: Callable[..., Any], *arguments: Any) -> Any | None:
    """NVML's answer, None where this GPU or driver has none."""
    try:
        return question(*arguments)
    except Exception:  # noqa: BLE001 - a library of another version lacks functions, or gives text that is none
        return None


def nvml_handle(device: torch.device) -> Any | None:
    """NVML's handle of a CUDA device, or of a part of one (MIG), by its unique id: CUDA may count them differently."""
    try:
        pynvml.nvmlInit()
        number = torch.cuda.get_device_properties(device).uuid
    except Exception:  # noqa: BLE001 - no driver, another version of it or of PyTorch
        return None
    return _ask(pynvml.nvmlDeviceGetHandleByUUID, f"GPU-{number}") or _ask(
        pynvml.nvmlDeviceGetHandleByUUID, f"MIG-{number}"
    )


@dataclass(frozen=True)
class Holder:
    """A process with memory on a GPU; bytes, None where NVML does not tell."""

    pid: int
    name: str
    used: int | None


def holders(gpu: Any) -> Iterator[Holder]:
    """The processes on a GPU that NVML shows; in a container often none."""
    for question in (pynvml.nvmlDeviceGetComputeRunningProcesses, pynvml.nvmlDeviceGetGraphicsRunningProcesses):
        for process in _ask(question, gpu) or ():
            name = "a process"
            with suppress(psutil.Error):
                name = psutil.Process(process.pid).name()
            yield Holder(process.pid, name, process.usedGpuMemory)


def memory_of(gpu: Any) -> tuple[int, int] | None:
    """Free and all bytes of a GPU."""
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, gpu)
    return None if memory is None else (memory.free, memory.total)
