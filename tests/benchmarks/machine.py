"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime

from core.runs.config import installed_versions


def machine() -> dict[str, object]:
    """Processor, cores, GPU, versions, and the date."""
    import torch

    from core.training.devices import processor_name

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": gpu,
        "system": platform.platform(terse=True),
        "date": datetime.now(UTC).date().isoformat(),
        **installed_versions(),
    }
