"""A run goes on with a state of another kind of device; what a GPU would have saved is made by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from core.data.images import ImageSet
from core.errors import DamagedFile
from core.runs.run import Run
from core.training import checkpoint
from core.training.checkpoint import TrainingState
from tests.conftest import cut_digits
from tests.support.run_files import assert_same_weights
from tests.support.trainers import train

MakeRun = Callable[..., Run]
SETTINGS = {"preset": "vae", "epochs": 2, "batch_size": 32, "precision": "float32"}
SAYS = ", no longer bit for bit: saved on another kind of device"


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten batches of 32 and one of 10."""
    return cut_digits(330, 50)


def saved(run: Run) -> TrainingState:
    state = checkpoint.load_state(run)
    assert state is not None
    return state


def make_gpu_state(run: Run) -> None:
    """This run's state as a GPU leaves it: Philox's seed and offset, a rate that lay on the GPU, no compiled step."""
    state = saved(run)
    (group,) = state.optimizer["param_groups"]
    group = {name: value for name, value in group.items() if name != "compiled"}
    group |= {"lr": torch.tensor(group["lr"]), "capturable": True}
    generator = torch.tensor([7, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0], dtype=torch.uint8)
    optimizer = {"state": state.optimizer["state"], "param_groups": [group]}
    checkpoint.save_state(run, state.model_copy(update={"generator": generator, "optimizer": optimizer}))


def make_crossed(make_run: MakeRun, images: ImageSet, name: str) -> Run:
    run = make_run(name, **SETTINGS)
    train(run, images, boundaries=5)
    make_gpu_state(run)
    return run


def test_a_gpus_state_goes_on_with_what_the_cpu_has_and_says_once_that_its_bits_change(
    make_run: MakeRun, images: ImageSet
) -> None:
    run = make_crossed(make_run, images, "crossed")
    before = saved(run)
    first = train(run, images, boundaries=3)
    assert first.method == f"compiled step, float32{SAYS}"
    assert first.step == 8
    state = saved(run)
    assert state.generator.shape == torch.Generator().get_state().shape
    assert state.permutation is not None and before.permutation is not None
    assert torch.equal(state.permutation, before.permutation)
    (group,) = state.optimizer["param_groups"]
    assert (group["compiled"], group["capturable"]) == ("float32", False)
    assert float(state.optimizer["state"][0]["step"]) == 8
    assert train(run, images).method == "compiled step, float32"


def test_what_comes_after_a_crossing_repeats(make_run: MakeRun, images: ImageSet) -> None:
    one, other = (make_crossed(make_run, images, name) for name in ("one", "other"))
    train(one, images)
    train(other, images, boundaries=3)
    train(other, images)
    assert_same_weights(one, other)


def test_a_crossing_draws_other_numbers_at_each_step(make_run: MakeRun, images: ImageSet) -> None:
    drawn = []
    for boundaries in (5, 6):
        run = make_run(f"after-{boundaries}", **SETTINGS)
        train(run, images, boundaries=boundaries)
        make_gpu_state(run)
        drawn.append(train(run, images, boundaries=0).generator.initial_seed())
    assert drawn[0] != drawn[1]


def test_a_state_without_a_compiled_step_goes_on_by_pytorchs_layers_and_says_both_once(
    make_run: MakeRun, images: ImageSet, no_compiled_step: None
) -> None:
    run = make_crossed(make_run, images, "crossed")
    assert train(run, images, boundaries=3).method == f"fused float32{SAYS}"
    assert train(run, images).method == "fused float32"


def test_a_generator_of_no_device_is_still_refused(make_run: MakeRun, images: ImageSet) -> None:
    run = make_run(**SETTINGS)
    train(run, images, boundaries=5)
    content = run.metrics_path.read_bytes()
    checkpoint.save_state(run, saved(run).model_copy(update={"generator": torch.zeros(7, dtype=torch.uint8)}))
    with pytest.raises(DamagedFile, match=r"state\.pt: is not the state of this run"):
        train(run, images)
    assert run.metrics_path.read_bytes() == content
