"""Which step trains a run on a CPU: compiled where that can be, and always the one that the run was begun with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from core.data.images import ImageSet
from core.kernels import fused
from core.runs.run import Run
from core.training.checkpoint import load_state
from tests.conftest import cut_digits
from tests.support.run_files import assert_same_weights
from tests.support.trainers import train

MakeRun = Callable[..., Run]
SETTINGS = {"preset": "vae", "epochs": 2, "batch_size": 32, "precision": "float32"}


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten batches of 32 and one of 10."""
    return cut_digits(330, 50)


def test_a_new_run_is_trained_by_the_compiled_step_with_the_numbers_asked_for(
    make_run: MakeRun, images: ImageSet
) -> None:
    for precision in ("float32", "bfloat16"):
        run = make_run(precision, **SETTINGS | {"precision": precision})
        assert train(run, images, boundaries=3).method == f"compiled step, {precision}"


def test_auto_takes_bfloat16_where_the_processor_multiplies_it(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for has, number in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(fused, "has_bfloat16", lambda has=has: has)
        run = make_run(number, **SETTINGS | {"precision": "auto"})
        assert train(run, images, boundaries=1).method == f"compiled step, {number}"


def test_a_run_goes_on_with_its_numbers_where_auto_would_now_take_others(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, moved = (make_run(name, **SETTINGS | {"precision": "auto"}) for name in ("straight", "moved"))
    monkeypatch.setattr(fused, "has_bfloat16", lambda: True)
    train(straight, images)
    train(moved, images, boundaries=5)
    monkeypatch.setattr(fused, "has_bfloat16", lambda: False)
    assert train(moved, images).method == "compiled step, bfloat16"
    assert_same_weights(straight, moved)


def test_a_run_may_go_on_with_another_number_of_threads_bit_for_bit(make_run: MakeRun, images: ImageSet) -> None:
    straight, resumed = make_run("straight", **SETTINGS), make_run("resumed", **SETTINGS)
    train(straight, images)
    train(resumed, images, boundaries=5)
    torch.set_num_threads(2)
    train(resumed, images)
    assert_same_weights(straight, resumed)


def test_a_run_begun_by_pytorchs_layers_goes_on_with_them_bit_for_bit(
    make_run: MakeRun, images: ImageSet, no_compiled_step: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, begun = make_run("straight", **SETTINGS), make_run("begun", **SETTINGS)
    assert train(straight, images).method == "fused float32"
    train(begun, images, boundaries=5)
    monkeypatch.undo()  # a compiler is there now
    assert train(begun, images).method == "fused float32"
    assert_same_weights(straight, begun)


def test_a_run_begun_by_a_compiled_step_that_is_gone_says_that_its_bits_change(
    make_run: MakeRun, images: ImageSet, request: pytest.FixtureRequest
) -> None:
    run = make_run(**SETTINGS)
    train(run, images, boundaries=5)
    request.getfixturevalue("no_compiled_step")
    trainer = train(run, images, boundaries=5)
    assert trainer.method == "fused float32, no longer bit for bit: no C++ compiler"
    state = load_state(run)
    assert state is not None
    assert "compiled" not in state.optimizer["param_groups"][0]


def test_the_state_has_no_key_that_an_earlier_program_refuses(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SETTINGS)
    train(run, images, boundaries=5)
    state = load_state(run)
    assert state is not None
    (group,) = state.optimizer["param_groups"]
    assert group["compiled"] == "float32"
    assert group["initial_lr"] == pytest.approx(3e-3)
    assert {name for entry in state.optimizer["state"].values() for name in entry} == {"step", "exp_avg", "exp_avg_sq"}


def test_a_model_without_a_compiled_step_is_left_to_pytorch(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SETTINGS | {"preset": "prior", "precision": "auto"})
    assert train(run, images, boundaries=1).method == "float32"
