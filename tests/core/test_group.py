"""16: A process is one of several only where its run and torchrun agree on it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.errors import ConfigError
from core.group import ALONE, Place, find_place, without_place

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
TORCHRUN |= {"MASTER_ADDR": "node-0", "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "wide"}


def test_the_place_is_what_torchrun_says_of_a_run_of_as_many_processes() -> None:
    assert find_place(8, TORCHRUN) == Place(rank=5, processes=8, local_rank=1, local_processes=4)


@pytest.mark.parametrize(
    ("processes", "changes"),
    [
        (1, {}),
        (1, {"WORLD_SIZE": "1", "RANK": "0"}),
        (8, {"MASTER_PORT": ""}),
        (8, {"RANK": ""}),
        (4, {"TORCHELASTIC_RUN_ID": None}),
        (8, {"TORCHELASTIC_RUN_ID": None, "RANK": "8"}),
        (8, {"TORCHELASTIC_RUN_ID": None, "RANK": "first"}),
        (8, {"TORCHELASTIC_RUN_ID": None, "WORLD_SIZE": "-8"}),
    ],
)
def test_variables_of_another_job_make_no_group(processes: int, changes: Mapping[str, str | None]) -> None:
    changed = {name: value for name, value in (TORCHRUN | dict(changes)).items() if value is not None}
    assert find_place(processes, changed) == ALONE
    assert find_place(processes, {}) == ALONE


def test_another_number_of_processes_than_the_run_was_made_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="processes must be 4, as the run was made for, not 8"):
        find_place(4, TORCHRUN)


def test_a_job_of_its_own_has_nothing_of_another_one() -> None:
    options = {"PET_NNODES": "2", "GROUP_RANK": "1", "ROLE_NAME": "default", "NCCL_DEBUG": "INFO", "HOME": "/root"}
    assert without_place(TORCHRUN | options) == {"NCCL_DEBUG": "INFO", "HOME": "/root"}
