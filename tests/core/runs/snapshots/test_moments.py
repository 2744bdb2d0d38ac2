"""Snapshots are taken at even distances on a logarithmic scale, however long a run trains."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from core.runs.config import make_config
from core.runs.run import Run
from core.runs.snapshots.moments import LARGEST, kept_at, most_kept, next_moment, size_of
from tests.conftest import CHECKPOINTS

MakeRun = Callable[..., Run]
EPOCH = 469


@pytest.mark.parametrize("epochs", [1, 3, 10, 100, 400, 100_000])
def test_about_thirty_moments_are_even_on_a_logarithmic_scale(epochs: int) -> None:
    moments = sorted(kept_at(epochs * EPOCH, EPOCH, 30))
    assert 20 <= len(moments) <= 30
    assert moments[0] <= EPOCH / 30  # within the first epoch
    assert moments[-1] > epochs * EPOCH * 0.84  # not long before the end
    gaps = [later / earlier for earlier, later in pairwise(moments)]
    even = (moments[-1] / moments[0]) ** (1 / len(gaps))
    assert max(gaps) <= max(2 * even, 1.25)


def test_what_is_kept_then_is_part_of_what_was_kept_before_and_what_came_since() -> None:
    before: frozenset[int] = frozenset()
    step, taken = 0, 0
    while step < 50 * EPOCH:
        step = next_moment(step, EPOCH)
        kept = kept_at(step, EPOCH, 30)
        assert kept <= before | {step}
        assert step in kept
        before, taken = kept, taken + 1
    assert taken == 44  # of which 30 are left: few are written for nothing
    assert kept_at(step + 1, EPOCH, 30) == before


def test_a_tiny_epoch_has_a_moment_at_its_first_step_and_none_twice() -> None:
    assert sorted(kept_at(8, 3, 30)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert next_moment(0, 3) == 1
    assert kept_at(0, 3, 30) == frozenset()


def test_eight_megabytes_bound_the_snapshots_of_a_run(make_run: MakeRun) -> None:
    first = {"dataset": "mnist", "first_stage": "ae", "first_stage_preset": "ae"}
    assert [most_kept(make_config(preset=preset)) for preset in ("ae", "vae-post", "vae")] == [30] * 3
    assert most_kept(make_config(preset="prior", **first)) == 0  # of which 8 MB hold one
    assert most_kept(make_config(snapshots=100)) == 35
    assert [most_kept(make_config(snapshots=wanted)) for wanted in (0, 3)] == [0, 3]
    for name in ("ae-mnist", "vae-post-mnist", "vae-mnist"):
        run = Run(CHECKPOINTS / name)
        assert len(run.read_weights()) <= size_of(run.config())
    assert 30 * size_of(make_config(preset="vae")) <= LARGEST
