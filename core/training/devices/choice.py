"""Which device a run trains on: what there is, what can be used, and how to fix a GPU that cannot."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pynvml
import torch

from core.errors import ConfigError, is_out_of_memory
from core.text import printable

OLDER = "install PyTorch's build {}, as pytorch.org/get-started says"
# PyTorch's builds that run with drivers of an older CUDA; the last ones know older GPUs too.
BUILDS = {11: "cu118", 12: "cu126"}
Complaint = Callable[[str], str | None]


@dataclass(frozen=True)
class Choice:
    """A device, and in words why it is no GPU, where this machine has one that cannot be used."""

    device: torch.device
    note: str = ""


def resolve(name: str) -> torch.device:
    """The device of a name such as auto, cpu, cuda:1 or mps, without taking memory there.

    Raises ConfigError when it is not there or cannot be used.
    """
    return _choose(name, complaint).device


def choose(name: str) -> Choice:
    """The device of a name for a process that computes there, which a GPU has to show with a small kernel.

    Raises ConfigError as `resolve` does, and PyTorch's own error where a GPU has no memory left.
    """
    return _choose(name, lambda each: complaint(each) or _failure(each))


def _choose(name: str, complain: Complaint) -> Choice:
    reasons: dict[str, str] = {}
    for each in present() if name == "auto" else ():
        reason = complain(each)
        if reason is None:
            return Choice(torch.device(each), "; ".join(f"not {gpu}: {reason}" for reason, gpu in reasons.items()))
        reasons.setdefault(reason, each)
    device = torch.device(name)
    wanted = f"cuda:{device.index or 0}" if device.type == "cuda" else name
    if wanted not in present():
        known = ", ".join(available())
        raise ConfigError({"device": f"device must be one that this machine has: auto, {known}; not {name}"})
    if reason := complain(wanted):
        raise ConfigError({"device": f"device {name} cannot be used: {reason}"})
    return Choice(torch.device(wanted))


def of_process(name: str, processes: int, rank: int) -> str:
    """The name of the device of one of the processes that train a run on this machine: where there are GPUs, its own.

    Raises ConfigError.
    """
    wants_gpu = name == "auto" or name.startswith("cuda")
    gpus = [each for each in available() if each.startswith("cuda")] if wants_gpu and processes > 1 else []
    if not gpus:
        return name
    if ":" in name:
        raise ConfigError({"device": f"device must be auto or cuda for processes that take a GPU each, not {name}"})
    if processes > len(gpus):
        most = f"processes must be at most {len(gpus)}, one for each GPU of this machine that can be used"
        raise ConfigError({"processes": f"{most}, not {processes}; --device cpu needs none"})
    return gpus[rank]


def present() -> tuple[str, ...]:
    """The names of the devices of this machine, the fastest first, whether or not PyTorch can use them."""
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    metal = ["mps"] if torch.backends.mps.is_available() else []
    return (*gpus, *metal, "cpu")


def available() -> tuple[str, ...]:
    """The names of the devices that PyTorch can use here, the fastest first."""
    return tuple(name for name in present() if complaint(name) is None)


def complaint(name: str) -> str | None:
    """Why a device of this machine cannot be used, and how to fix it, as far as that shows without computing there."""
    if not name.startswith("cuda"):
        return None
    try:
        torch.cuda.init()
        capability = torch.cuda.get_device_capability(name)
    except (RuntimeError, AssertionError) as error:
        return _no_cuda(error)
    built_for = [_capability(word) for word in torch.cuda.get_arch_list()]
    if any(own <= capability and (portable or own[0] == capability[0]) for own, portable in built_for):
        return None
    newer = all(own < capability for own, _ in built_for)
    fix = "pip install --upgrade torch" if newer else OLDER.format(BUILDS[12])
    known = ", ".join(torch.cuda.get_arch_list())
    wanted = "sm_{}{}".format(*capability)
    return f"PyTorch {torch.__version__} is built for {known}, not for its {wanted}; {fix}"


def _capability(architecture: str) -> tuple[tuple[int, int], bool]:
    """That of a word such as sm_86 or compute_90, and whether code for it runs on all that came later."""
    kind, _, number = architecture.partition("_")
    digits = int(re.sub(r"\D", "", number))
    return (digits // 10, digits % 10), kind == "compute"


def _no_cuda(error: Exception) -> str:
    """Why CUDA does not begin: most often because the driver is older than what PyTorch was built with."""
    needed = torch.version.cuda
    try:
        pynvml.nvmlInit()
        known = pynvml.nvmlSystemGetCudaDriverVersion()
    except pynvml.NVMLError:
        known = 0
    major, minor = known // 1000, known % 1000 // 10
    if needed is None or not 0 < major < int(needed.split(".")[0]):
        return f"{_first_line(error)}; nvidia-smi may say more"
    older = f", or {OLDER.format(BUILDS[major])}" if major in BUILDS else ""
    return f"its driver is for CUDA {major}.{minor}, PyTorch {torch.__version__} for {needed}; update the driver{older}"


def _failure(name: str) -> str | None:
    """Why a small kernel fails on a GPU."""
    if not name.startswith("cuda"):
        return None
    try:
        torch.ones(1, device=name).add_(1).item()
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        return f"{_first_line(error)}; nvidia-smi may say more"
    return None


def _first_line(error: Exception) -> str:
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])[:300]


def describe(device: torch.device) -> str:
    """The device's product name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor_name() if device.type == "cpu" else f"{platform.machine()} GPU"


def processor_name() -> str:
    """The processor of this machine and the number of threads PyTorch computes with."""
    name = ""
    with (
        suppress(OSError),
        open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file,  # noqa: PTH123 - a file of the kernel, read as a stream
    ):
        name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    # The first of these starts a process, which for an instant would hold the lock of a trainer that is killed.
    name = name or platform.processor() or platform.machine()
    threads = torch.get_num_threads()
    return f"{name}, {threads} thread{'s' * (threads != 1)}"
