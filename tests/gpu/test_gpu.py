"""Training on a GPU is right; what takes seconds of the report, as tests. `pytest -m gpu tests/gpu`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", minversion="3.3")

from tests.gpu import checks, devices, groups, priors
from tests.gpu.checks import Result

DEVICE = "cuda:0"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that CUDA can use"),
]


@pytest.mark.parametrize("options", [(), ("--layers",)], ids=["triton", "pytorch"])
def test_a_run_killed_in_the_middle_of_an_epoch_goes_on_bit_for_bit(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = checks.killed_and_resumed(tmp_path, DEVICE, *options)
    assert result.passed, result.found


def test_the_kernels_do_what_pytorch_does() -> None:
    assert [result.found for result in checks.self_tests(DEVICE, None) if not result.passed] == []


def test_a_step_tells_the_norm_of_its_gradient() -> None:
    result = checks.norm_is_told(DEVICE, None)
    assert result.passed, result.found


def test_a_prior_killed_in_the_middle_of_an_epoch_goes_on_bit_for_bit(tmp_path: Path) -> None:
    result = priors.killed_and_resumed(tmp_path, DEVICE)
    assert result.passed, result.found


def test_the_kernels_of_a_prior_do_what_pytorch_does() -> None:
    assert [result.found for result in priors.are_right(DEVICE) if not result.passed] == []


def test_a_recorded_step_is_the_step_itself() -> None:
    result = checks.recorded_is_eager(DEVICE, None)
    assert result.passed, result.found


def test_a_run_does_not_depend_on_those_that_share_its_step() -> None:
    result = checks.alone_is_grouped(DEVICE, None)
    assert result.passed, result.found


def test_a_run_does_not_depend_on_those_that_share_its_process(tmp_path: Path) -> None:
    assert [result for result in groups.shared_is_alone(tmp_path, DEVICE) if not result.passed] == []


def test_bfloat16_stays_finite() -> None:
    result = checks.stays_finite(DEVICE, None, "bfloat16")
    assert result.passed, result.found


def test_a_state_crosses_devices_and_comes_back(tmp_path: Path) -> None:
    assert [result.found for result in checks.crosses_devices(tmp_path, DEVICE) if not result.passed] == []


@pytest.mark.parametrize("check", devices.CHECKS, ids=lambda check: check.__name__)
def test_a_gpu_is_taken_care_of(check: Callable[[Path, str], Result | Iterator[Result]], tmp_path: Path) -> None:
    found = check(tmp_path, DEVICE)
    assert [one.found for one in ([found] if isinstance(found, Result) else found) if not one.passed] == []


def test_a_trainer_without_memory_says_so(tmp_path: Path) -> None:
    result = checks.short_of_memory(tmp_path, DEVICE)
    assert result.passed, result.found
