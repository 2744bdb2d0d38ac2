"""A step that is recorded and replayed trains exactly as one that is done; what records is a stand-in for CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import pytest
import torch
from torch import nn
from torch.torch_version import TorchVersion

from core.data.images import ImageSet
from core.runs.architecture.presets import PRESETS
from core.runs.run import Run
from core.training.step import WARM_UPS, CudaRecorder, ScheduledAdam, Work
from core.training.trainer import Trainer
from tests.conftest import cut_digits
from tests.support.run_files import weights
from tests.support.trainers import train

MakeRun = Callable[..., Run]

# What these tell beyond the others is little.
SLOW = {"vae-post": pytest.mark.slow, "ae": pytest.mark.slow}


class Tape:
    """Records by keeping the work, as a graph does: nothing runs until it is replayed, and only where it was."""

    trainer: Trainer

    def __init__(self) -> None:
        self.warm_ups, self.recorded, self.replays = 0, 0, 0

    def _addresses(self) -> list[int]:
        trainer = self.trainer
        moments = [tensor for state in trainer.optimizer.state.values() for tensor in state.values()]
        changing = [*trainer.model.state_dict().values(), *moments, trainer.totals.sums]
        return [tensor.data_ptr() for tensor in changing]

    def warm_up(self, work: Work) -> None:
        self.warm_ups += 1
        work()

    def record(self, work: Work, generator: torch.Generator) -> Work:
        assert generator is self.trainer.generator
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


def train_recorded(run: Run, images: ImageSet, boundaries: int | None = None) -> Tape:
    """Train so many boundaries further, or to the end, and save."""
    tape = Tape()
    with run.open_metrics() as metrics:
        tape.trainer = Trainer(run, images, "cpu", metrics, recorder=tape)
        for _ in islice(tape.trainer.steps(), boundaries):
            pass
        tape.trainer.save()
    return tape


class FakeGraphs:
    """Stands in for torch.cuda: what happens to a graph, and on which device."""

    def __init__(self, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.current, self.happened = "cuda:0", list[str]()
        monkeypatch.setattr(torch, "__version__", TorchVersion(version))
        monkeypatch.setattr(torch.cuda, "device", self.device)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: self)
        monkeypatch.setattr(torch.cuda, "graph", self.graph)

    @contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        before, self.current = self.current, str(device)
        yield
        self.current = before

    @contextmanager
    def graph(self, graph: FakeGraphs) -> Iterator[None]:
        assert graph is self
        self.happened.append(f"recording on {self.current}")
        yield

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.happened.append(f"a generator on {self.current}")

    def replay(self) -> None:
        self.happened.append("replay")


@pytest.mark.parametrize(
    ("version", "told"), [("2.11.0+cu130", ["a generator on cuda:1"]), ("2.14.1+cu130", [])], ids=["2.11", "2.14"]
)
def test_a_graph_knows_its_generator_on_its_own_gpu_in_every_version_of_pytorch(
    version: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = FakeGraphs(version, monkeypatch)
    replay = CudaRecorder(torch.device("cuda:1")).record(lambda: graphs.happened.append("work"), torch.Generator())
    replay()
    assert graphs.happened == [*told, "recording on cuda:1", "work", "replay"]


@pytest.mark.parametrize("preset", [pytest.param(name, marks=SLOW.get(name, ())) for name in PRESETS])
def test_recorded_steps_end_bit_for_bit_where_done_ones_end(
    preset: str, make_run: MakeRun, images: ImageSet, no_compiled_step: None
) -> None:
    settings = {"preset": preset, "epochs": 2, "batch_size": 32}
    done, replayed, resumed = (make_run(name, **settings) for name in ("done", "replayed", "resumed"))
    train(done, images)
    tape = train_recorded(replayed, images)
    assert (tape.recorded, tape.warm_ups, tape.replays) == (2, 2 * WARM_UPS, 22)
    train_recorded(resumed, images, boundaries=5)
    train_recorded(resumed, images)
    assert weights(replayed) == weights(resumed) == weights(done)


def test_an_optimizer_is_given_its_first_state_without_a_step() -> None:
    model = nn.Linear(5, 1, bias=False)
    before = model.weight.detach().clone()
    optimizer = ScheduledAdam(model, "constant", 1e-3)
    optimizer.init_state()
    assert torch.equal(model.weight, before)
    state = optimizer.state[model.weight]
    assert (float(state["step"]), float(state["exp_avg"].norm()), float(state["exp_avg_sq"].norm())) == (0, 0, 0)
    model.weight.grad = torch.ones(1, 5)
    optimizer.step()
    stepped = model.weight.detach().clone()
    optimizer.init_state()
    assert torch.equal(model.weight, stepped)
    assert float(state["step"]) == 1


@pytest.mark.parametrize("capturable", [False, True], ids=["a number", "a tensor"])
def test_an_optimizer_goes_on_from_a_saved_state_at_the_saved_base_rate(capturable: bool) -> None:
    model = nn.Linear(5, 1)
    saved = ScheduledAdam(model, "cosine", 1e-3)
    saved.init_state()
    saved.set_rate(0.5)
    restored = ScheduledAdam(model, "cosine", 0.1)
    if capturable:  # as on a GPU, where a recorded step reads the rate
        restored.param_groups[0]["lr"] = torch.tensor(0.1)
    restored.load_state_dict(saved.state_dict())
    assert restored.base_rate == 1e-3
    assert restored.state[model.weight].keys() == saved.state[model.weight].keys()
    restored.set_rate(0.0)
    assert float(restored.param_groups[0]["lr"]) == pytest.approx(1e-3)
    assert isinstance(restored.param_groups[0]["lr"], torch.Tensor) is capturable
