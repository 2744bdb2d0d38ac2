"""Which runs one process may train together on a GPU, in one recorded step."""

from __future__ import annotations

from core.runs.config import RunConfig

# What may differ between two runs that are otherwise the same.
INCIDENTAL = {"created", "versions", "device", "data_dir", "sweep"}
# What may differ between runs that share a step.
OWN = {"seed", "learning_rate", "beta", "schedule"}
MOST_TOGETHER = 8


def shared_kind(config: RunConfig, device: str) -> dict[str, object] | None:
    """What a run has in common with those that can share its step on a device; None where none can."""
    if not device.startswith("cuda") or config.preset_record.learns_prior or config.processes > 1:
        return None
    return config.model_dump(exclude=INCIDENTAL | OWN)
