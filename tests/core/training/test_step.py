"""A step that is recorded and replayed trains exactly as one that is done; what records is a stand-in for CUDA."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest
import safetensors.torch
import torch

from core.data.images import ImageSet
from core.runs.config import PRESETS
from core.runs.run import Run
from core.training import step
from core.training.step import Work
from core.training.trainer import Trainer
from tests.conftest import cut_digits

MakeRun = Callable[..., Run]

# What these tell beyond the others is little.
SLOW = {"vae-post": pytest.mark.slow, "ae": pytest.mark.slow}


class Tape:
    """Records by keeping the work, as a graph does: nothing runs until it is replayed, and only where it was."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.warm_ups, self.recorded, self.replays = 0, 0, 0

    def _addresses(self) -> list[int]:
        return [tensor.data_ptr() for tensor in self._trainer._changing()]

    def warm_up(self, work: Work) -> None:
        self.warm_ups += 1
        work()

    def record(self, work: Work, generator: torch.Generator) -> Work:
        assert generator is self._trainer.generator
        self.recorded += 1
        addresses = self._addresses()

        def replay() -> None:
            assert self._addresses() == addresses, "a tensor of the recording was replaced"
            self.replays += 1
            work()

        return replay


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten batches of 32 and one of 10."""
    return cut_digits(330, 50)


def train(run: Run, images: ImageSet, *, recorded: bool, boundaries: int | None = None) -> Tape:
    """Train so many boundaries further, or to the end, and save."""
    with run.open_metrics() as metrics:
        trainer = Trainer(run, images, "cpu", metrics)
        tape = Tape(trainer)
        if recorded:
            trainer._record(tape)
        for _ in islice(trainer.steps(), boundaries):
            pass
        trainer.save()
    return tape


def weights(run: Run) -> dict[str, torch.Tensor]:
    return safetensors.torch.load(run.read_weights())


@pytest.mark.parametrize("preset", [pytest.param(name, marks=SLOW.get(name, ())) for name in PRESETS])
def test_recorded_steps_end_bit_for_bit_where_done_ones_end(preset: str, make_run: MakeRun, images: ImageSet) -> None:
    settings = {"preset": preset, "epochs": 2, "batch_size": 32}
    done, replayed, resumed = (make_run(name, **settings) for name in ("done", "replayed", "resumed"))
    train(done, images, recorded=False)
    tape = train(replayed, images, recorded=True)
    assert (tape.recorded, tape.warm_ups, tape.replays) == (2, 2 * step.WARM_UPS, 22)
    train(resumed, images, recorded=True, boundaries=5)
    train(resumed, images, recorded=True)
    for run in (replayed, resumed):
        for name, tensor in weights(run).items():
            assert torch.equal(tensor, weights(done)[name]), name


def test_an_optimizer_is_given_its_first_state_without_a_step() -> None:
    parameter = torch.nn.Parameter(torch.randn(5))
    before = parameter.detach().clone()
    optimizer = torch.optim.Adam([parameter], fused=True)
    step.init_optimizer_state(optimizer)
    assert torch.equal(parameter, before)
    state = optimizer.state[parameter]
    assert (float(state["step"]), float(state["exp_avg"].norm()), float(state["exp_avg_sq"].norm())) == (0, 0, 0)
    parameter.grad = torch.ones(5)
    optimizer.step()
    filled = parameter.detach().clone()
    step.init_optimizer_state(optimizer)
    assert torch.equal(parameter, filled)
    assert float(state["step"]) == 1
