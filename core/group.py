"""The place of this process among those that torchrun started to train a run together, as its environment tells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ConfigError

# What torchrun tells those that it starts, and what it takes for its own options. Shells inside of a job have them too.
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
PREFIXES = ("TORCHELASTIC_", "PET_", "GROUP_", "ROLE_")
OF_TORCHRUN = "TORCHELASTIC_RUN_ID"


@dataclass(frozen=True)
class Place:
    """The number of this process among all, and among those of this machine."""

    rank: int
    processes: int
    local_rank: int
    local_processes: int


ALONE = Place(0, 1, 0, 1)


def find_place(processes: int, environment: Mapping[str, str] = os.environ) -> Place:
    """The place among so many processes as a run is trained by; ALONE where the environment is that of another job.

    Raises ConfigError where torchrun started another number of them.
    """
    given = [environment.get(name, "") for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")]
    if processes == 1 or not all(given):
        return ALONE
    rank, started = _number(given[0], -1), _number(given[1], -1)
    if started == processes and rank in range(processes):
        local_rank = _number(environment.get("LOCAL_RANK"), rank)
        return Place(rank, processes, local_rank, _number(environment.get("LOCAL_WORLD_SIZE"), processes))
    if OF_TORCHRUN in environment:
        go_on = f"--processes {started} trains it by as many, to other bits"
        wanted = f"processes must be {processes}, as the run was made for, not {started}"
        raise ConfigError({"processes": f"{wanted}; {go_on}"})
    return ALONE


def without_place(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for processes of a job of its own."""
    return {name: value for name, value in environment.items() if name not in NAMES and not name.startswith(PREFIXES)}


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise
