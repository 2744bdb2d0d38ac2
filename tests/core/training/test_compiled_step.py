"""Which step trains a run on a CPU: compiled where that can be, and always the one that the run was begun with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from core.data.images import ImageSet
from core.kernels import compiler, fused, native_step, step_library
from core.runs.run import Run
from core.training.checkpoint import load_state
from tests.conftest import cut_digits
from tests.support.run_files import assert_same_weights
from tests.support.trainers import train

MakeRun = Callable[..., Run]
Kind = dict[str, object]
SETTINGS = {"preset": "vae", "epochs": 2, "batch_size": 32, "precision": "float32"}
# Each kind of run that has a compiled step, and what PyTorch's layers for it are called.
VAE, PRIOR, BINARISED = {"preset": "vae"}, {"preset": "prior"}, {"preset": "vae", "likelihood": "bernoulli"}
KINDS = pytest.mark.parametrize(
    ("kind", "layers"),
    [
        pytest.param(VAE, "fused float32", id="vae"),
        pytest.param(PRIOR, "float32", id="prior"),
        pytest.param(BINARISED, "fused float32", id="binarised"),
    ],
)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten batches of 32 and one of 10."""
    return cut_digits(330, 50)


@KINDS
def test_a_new_run_is_trained_by_the_compiled_step_with_the_numbers_asked_for(
    make_run: MakeRun, images: ImageSet, kind: Kind, layers: str
) -> None:
    for precision in ("float32", "bfloat16"):
        run = make_run(precision, **SETTINGS | kind | {"precision": precision})
        products = step_library.fastest(bfloat16=precision == "bfloat16")
        assert str(products).startswith(precision)
        assert train(run, images, boundaries=3).method == f"compiled step, {products}"


def test_auto_takes_bfloat16_where_the_processor_multiplies_it(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for has, number in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(fused, "bfloat16_is_faster", lambda has=has: has)
        run = make_run(number, **SETTINGS | {"precision": "auto"})
        assert train(run, images, boundaries=1).method.startswith(f"compiled step, {number}")


def test_a_run_goes_on_with_its_numbers_where_auto_would_now_take_others(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, moved = (make_run(name, **SETTINGS | {"precision": "auto"}) for name in ("straight", "moved"))
    monkeypatch.setattr(fused, "bfloat16_is_faster", lambda: True)
    train(straight, images)
    train(moved, images, boundaries=5)
    monkeypatch.setattr(fused, "bfloat16_is_faster", lambda: False)
    assert train(moved, images).method == f"compiled step, {step_library.fastest(bfloat16=True)}"
    assert_same_weights(straight, moved)


def test_a_run_begun_with_tiles_goes_on_without_them_and_says_that_its_bits_change(
    make_run: MakeRun, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(**SETTINGS | {"precision": "bfloat16"})
    train(run, images, boundaries=5)
    state = torch.load(run.state_path, weights_only=True)
    state["optimizer"]["param_groups"][0]["compiled"] = "bfloat16 tiles"
    torch.save(state, run.state_path)
    monkeypatch.setattr(compiler, "may_use_tiles", lambda: False)
    native_step.library.cache_clear()
    for reason in (", no longer bit for bit: no tiles", ""):
        assert train(run, images, boundaries=2).method == f"compiled step, bfloat16{reason}"


@KINDS
def test_a_run_may_go_on_with_another_number_of_threads_bit_for_bit(
    make_run: MakeRun, images: ImageSet, kind: Kind, layers: str
) -> None:
    straight, resumed = (make_run(name, **SETTINGS | kind) for name in ("straight", "resumed"))
    train(straight, images)
    train(resumed, images, boundaries=5)
    torch.set_num_threads(2)
    train(resumed, images)
    assert_same_weights(straight, resumed)


@KINDS
def test_a_run_begun_by_pytorchs_layers_goes_on_with_them_bit_for_bit(
    make_run: MakeRun,
    images: ImageSet,
    kind: Kind,
    layers: str,
    no_compiled_step: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    straight, begun = (make_run(name, **SETTINGS | kind) for name in ("straight", "begun"))
    assert train(straight, images).method == layers
    train(begun, images, boundaries=5)
    monkeypatch.undo()  # a compiler is there now
    assert train(begun, images).method == layers
    assert_same_weights(straight, begun)


@KINDS
def test_a_run_begun_by_a_compiled_step_that_is_gone_says_that_its_bits_change(
    make_run: MakeRun, images: ImageSet, kind: Kind, layers: str, request: pytest.FixtureRequest
) -> None:
    run = make_run(**SETTINGS | kind)
    train(run, images, boundaries=5)
    request.getfixturevalue("no_compiled_step")
    trainer = train(run, images, boundaries=5)
    assert trainer.method == f"{layers}, no longer bit for bit: no C++ compiler"
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


@pytest.mark.parametrize(
    ("kind", "layers", "steps"),
    [
        pytest.param(PRIOR | {"dynamics": "flow"}, "float32", 6, id="flow"),
        pytest.param(PRIOR | {"dynamics": "ddpm"}, "float32", 6, id="ddpm"),
        # Signs near the kink of a leaky ReLU soon set two trainings apart that differ by rounding.
        pytest.param(BINARISED, "fused float32", 2, id="binarised"),
    ],
)
def test_the_compiled_step_learns_what_pytorchs_does_from_the_same_random_numbers(
    make_run: MakeRun, images: ImageSet, kind: Kind, layers: str, steps: int, request: pytest.FixtureRequest
) -> None:
    settings = SETTINGS | kind
    compiled = train(make_run("compiled", **settings), images, boundaries=steps)
    request.getfixturevalue("no_compiled_step")
    plain = train(make_run("plain", **settings), images, boundaries=steps)
    assert (compiled.method, plain.method) == ("compiled step, float32", layers)
    assert compiled.totals.sums.tolist() == pytest.approx(plain.totals.sums.tolist(), rel=1e-4)
    ours, theirs = compiled.optimizer.state_dict(), plain.optimizer.state_dict()
    for index, state in theirs["state"].items():
        for name, tensor in state.items():
            mine = ours["state"][index][name]
            assert (mine.shape, mine.dtype) == (tensor.shape, tensor.dtype)
            assert (mine - tensor).norm() <= 2e-2 * tensor.norm() + 1e-9, (index, name)
