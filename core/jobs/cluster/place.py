"""The job of a scheduler that this process belongs to, as its environment tells."""

from __future__ import annotations

import os
from collections.abc import Mapping


def job_title(number: str) -> str:
    """A job in words, as the host of a run that waits for it, and in the status of one that it trains."""
    return f"Slurm job {number}"


def job_here(environment: Mapping[str, str] = os.environ) -> str | None:
    """The job that this process belongs to, None where it belongs to none."""
    array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    number = f"{array}_{task}" if array and task else environment.get("SLURM_JOB_ID")
    return job_title(number) if number else None
