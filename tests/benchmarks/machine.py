"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil

from core.runs.config import installed_versions

# Of what a processor can do, in the kernel's words, what decides how fast it multiplies.
X86 = ("avx", "avx2", "fma", "avx512f", "avx_vnni", "avx512_bf16", "amx_bf16")
ARM = ("asimd", "sve", "sve2", "bf16")
EXTENSIONS = {word: word.replace("asimd", "neon") for word in X86 + ARM}
CPUINFO = Path("/proc/cpuinfo")
# Two figures are of the same kind of machine where these are the same.
KIND = ("processor", "cores", "extensions", "gpu")


def machine() -> dict[str, object]:
    """Processor and what it can do, cores, threads, what a step is made of, GPU, versions, and the time."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    found = _first_processor()
    name = found.get("model name") or platform.processor() or platform.machine()
    family = f" (family {found['cpu family']}, model {found['model']})" if "cpu family" in found else ""
    return {
        "processor": name + family,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "extensions": extensions(),
        "threads": torch.get_num_threads(),
        "step": step(),
        "gpu": gpu,
        "system": platform.platform(terse=True),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        **installed_versions(),
    }


def extensions() -> str:
    """The vector extensions of the processor; where no kernel lists them, what PyTorch found."""
    import torch

    found = _first_processor()
    words = found.get("flags", found.get("Features", "")).split()
    return (
        " ".join(EXTENSIONS[word] for word in EXTENSIONS if word in words)
        or torch.backends.cpu.get_cpu_capability().lower()
    )


def step() -> str:
    """What a training step of an autoencoder is made of on this machine's CPU, in a few words."""
    from core.kernels import native_step
    from core.kernels.compiler import Unavailable

    try:
        return native_step.kind()
    except Unavailable as reason:
        return f"PyTorch's layers ({reason})"


def others_percent() -> float:
    """How much of the machine others use at this moment."""
    return psutil.cpu_percent(interval=1.0)


def _first_processor() -> dict[str, str]:
    """What Linux says about it, by name; nothing elsewhere."""
    if not CPUINFO.exists():
        return {}
    lines = CPUINFO.read_text().partition("\n\n")[0].splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
