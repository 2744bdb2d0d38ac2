"""The even selection of a few of many, which all rooms share."""

from __future__ import annotations

import numpy as np
import pytest

from core.arrays import evenly_spaced


@pytest.mark.parametrize(("total", "limit"), [(10, 4), (60_000, 10_000), (48_000, 10_000), (7, 1)])
def test_so_many_are_chosen_from_the_first_on_at_distances_that_differ_by_one(total: int, limit: int) -> None:
    chosen = evenly_spaced(total, limit)
    assert len(chosen) == limit
    assert chosen[0] == 0
    distances = np.diff([*chosen, total])
    assert distances.max() - distances.min() <= 1


@pytest.mark.parametrize("total", [0, 1, 5])
def test_of_no_more_than_the_limit_all_are_chosen(total: int) -> None:
    assert evenly_spaced(total, 5).tolist() == list(range(total))
