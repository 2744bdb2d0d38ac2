"""One step of the optimizer: loss, gradients, learning rate; on a GPU recorded once and replayed.

Replaying means that the GPU never waits for Python to launch kernels. See "Constraints" of CUDA graphs in PyTorch's
notes: what a graph reads and writes must stay where it was.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from core.kernels.recording import new_graph
from core.runs.config import scheduled_rate
from core.training.distributed import SingleProcess
from core.training.objectives import Objective
from core.training.totals import RunningTotals

Work = Callable[[], None]
# PyTorch chooses algorithms and sets up libraries in the first steps, which a recording must not contain.
WARM_UPS = 3
# A key of the optimizer's group that programs without it do not read; and as many requests as can wait for an answer.
REQUESTS = "requests"
REQUESTS_KEPT = 1000
NORM = "gradient_norm"  # another such key
ROW = 4096


class _EagerAdam(torch.optim.Adam):
    """PyTorch's Adam without what its methods are wrapped in for its compiler, which takes two seconds to import."""

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class ScheduledAdam(_EagerAdam):
    """Adam on one group of parameters, whose learning rate follows a schedule from a base rate; its state keeps that.

    `capturable` as CUDA graphs need it: the count of steps and the rate lie on the GPU.
    """

    def __init__(self, model: nn.Module, schedule: str, base_rate: float, *, capturable: bool = False) -> None:
        parameters = list(model.parameters())
        rate = torch.tensor(base_rate, device=parameters[0].device) if capturable else base_rate
        super().__init__(parameters, lr=rate, fused=True, capturable=capturable)
        self._schedule = schedule
        self.base_rate = base_rate

    @property
    def base_rate(self) -> float:
        """The learning rate that was asked for."""
        return float(self.param_groups[0]["initial_lr"])

    @base_rate.setter
    def base_rate(self, rate: float) -> None:
        self.param_groups[0]["initial_lr"] = rate

    @property
    def requests(self) -> tuple[str, ...]:
        """The ids of the requests that changed the base rate, the newest ones."""
        return _saved_requests(self.param_groups[0])

    def change_base_rate(self, rate: float, request: str) -> None:
        """Go on with another base rate, which a request asked for."""
        self.base_rate = rate
        self.param_groups[0][REQUESTS] = (*self.requests, request)[-REQUESTS_KEPT:]

    def rate_at(self, progress: float) -> float:
        """The rate after a fraction of the training."""
        return scheduled_rate(self._schedule, self.base_rate, progress)

    def gradient_norm(self) -> float | None:
        """The norm of all gradients together; None without any, or where it is no finite number."""
        gradients = [each.grad.flatten() for each in self.param_groups[0]["params"] if each.grad is not None]
        if not gradients:
            return None
        numbers = torch.cat(gradients).float()
        # Row by row, so that the number of threads changes no bit.
        rest = len(numbers) % ROW
        norms = torch.linalg.vector_norm(numbers[: len(numbers) - rest].view(-1, ROW), dim=1).tolist()
        norm = math.hypot(*norms, float(torch.linalg.vector_norm(numbers[len(numbers) - rest :])))
        return norm if math.isfinite(norm) else None

    def set_rate(self, progress: float) -> None:
        """Have the next step take that rate; in place where it lies on a GPU, as a recorded step reads it there."""
        (group,) = self.param_groups
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(self.rate_at(progress))
        else:
            group["lr"] = self.rate_at(progress)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over moments and base rate; how to step stays as it is here, where the device may be another."""
        groups = self.state_dict()["param_groups"]
        super().load_state_dict({"state": state_dict["state"], "param_groups": groups})
        self.base_rate = saved_base_rate(state_dict)
        if requests := _saved_requests(state_dict["param_groups"][0]):
            self.param_groups[0][REQUESTS] = requests
        keep_gradient_norm(self.param_groups[0], _number(state_dict["param_groups"][0].get(NORM)))

    def init_state(self) -> None:
        """Where no step was done yet, make the state with which the first one begins; parameters stay as they are."""
        if self.state:
            return
        (group,) = self.param_groups
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
        self.step()
        for state in self.state.values():
            state["step"].zero_()
        self.zero_grad()


def saved_base_rate(state_dict: dict[str, Any]) -> float:
    """The base rate in the state of an optimizer. Raises KeyError, IndexError, TypeError or ValueError."""
    group = state_dict["param_groups"][0]
    return float(group.get("initial_lr", group["lr"]))


def _saved_requests(group: Mapping[str, Any]) -> tuple[str, ...]:
    found = group.get(REQUESTS, ())
    plain = isinstance(found, tuple) and len(found) <= REQUESTS_KEPT and all(isinstance(each, str) for each in found)
    return found if plain else ()


def keep_gradient_norm(group: dict[str, Any], norm: float | None) -> None:
    """Have the group of an optimizer, or of its state, hold the norm of its last gradient, where that is known."""
    group.pop(NORM, None)
    if norm is not None:
        group[NORM] = norm


def saved_gradient_norm(optimizer: torch.optim.Optimizer) -> float | None:
    """The norm that an optimizer's state holds."""
    return _number(optimizer.param_groups[0].get(NORM))


def norm_of(squares: Tensor) -> float | None:
    """The norm of a gradient whose squared numbers add up to these; None where it is no finite number."""
    return _number(math.sqrt(float(squares.sum(dtype=torch.float64))))


def _number(value: object) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


class TrainingStep:
    """One step of the optimizer on the examples with given indices; adds the parts of their loss to `totals`."""

    def __init__(
        self,
        objective: Objective,
        forward: nn.Module,
        optimizer: ScheduledAdam,
        generator: torch.Generator,
        totals: RunningTotals,
        ranks: SingleProcess,
        clip_norm: float = 0.0,
    ) -> None:
        self._clip_norm = clip_norm
        self._objective, self._forward, self._optimizer = objective, forward, optimizer
        self._generator, self._sums, self._ranks = generator, totals.sums, ranks

    def __call__(self, indices: Tensor) -> None:
        """Do the step; where several processes train, each computes its part of the batch."""
        examples = len(indices)
        share = self._ranks.share(examples)
        noise = self._objective.sample_noise(examples, self._generator)
        parts = self._objective.loss(self._forward, indices[share.part], None if noise is None else noise[share.part])
        sums = torch.stack([parts.reconstruction.sum(), parts.kl.sum()]).detach().to(self._sums.dtype)
        sums = self._ranks.all_reduce(sums / share.copies)
        self._sums += sums
        self._optimizer.zero_grad()
        # Gradients are averaged over the processes.
        scale = self._ranks.world_size / (share.copies * examples)
        weight = self._objective.kl_weight.given(sums[0] / examples)
        (parts.total(weight).sum() * scale).backward()
        if self._clip_norm:  # Pascanu et al. 2013, algorithm 1
            nn.utils.clip_grad_norm_(self._objective.model.parameters(), self._clip_norm)
        self._optimizer.step()

    def changing(self) -> Iterator[Tensor]:
        """Every tensor that a step changes in place."""
        yield from self._objective.model.state_dict().values()
        for state in self._optimizer.state.values():
            yield from state.values()
        yield self._sums

    def recorded(self, recorder: Recorder) -> CUDAGraphStep:
        """The same step, recorded at its first call and then replayed."""
        self._optimizer.init_state()
        parameters = self._optimizer.param_groups[0]["params"]
        squares = self._sums.new_zeros(len(parameters), dtype=torch.float32)

        def step(indices: Tensor) -> None:
            self(indices)
            norms = torch._foreach_norm([each.grad for each in parameters])
            torch.stack(norms, out=squares).square_()

        return CUDAGraphStep(step, self.changing, self._generator, recorder, squares)


class Recorder(Protocol):
    """What records work for a device."""

    def warm_up(self, work: Work) -> None:
        """Do the work as it will be done while it is recorded."""

    def record(self, work: Work, generator: torch.Generator) -> Work:
        """What does the work again each time it is called; recording itself does nothing."""


class CudaRecorder:
    """Records CUDA graphs."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def warm_up(self, work: Work) -> None:
        """Do the work on a stream of its own."""
        with torch.cuda.device(self._device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                work()
            torch.cuda.current_stream().wait_stream(stream)

    def record(self, work: Work, generator: torch.Generator) -> Work:
        """The graph's replay; each draws the generator's next numbers."""
        with torch.cuda.device(self._device):
            graph = new_graph([generator])
            with torch.cuda.graph(graph):
                work()
        replay: Work = graph.replay
        return replay


class CUDAGraphStep:
    """A training step recorded once for each size of a batch.

    `changing` gives every tensor that a step changes in place. To warm up, steps are done and undone. A step leaves
    in `squares` what the squares of its gradient's numbers add up to, in parts.
    """

    def __init__(
        self,
        step: Callable[[Tensor], None],
        changing: Callable[[], Iterable[Tensor]],
        generator: torch.Generator,
        recorder: Recorder,
        squares: Tensor,
    ) -> None:
        self.squares = squares
        self._step, self._changing = step, changing
        self._generator, self._recorder = generator, recorder
        self._recorded: dict[int, tuple[Tensor, Work]] = {}

    def __call__(self, indices: Tensor) -> None:
        """Do the step."""
        self.record(indices)
        recorded, replay = self._recorded[len(indices)]
        recorded.copy_(indices)
        replay()

    def record(self, indices: Tensor) -> None:
        """Record the step for as many examples as there are indices, which its first one does otherwise."""
        if len(indices) not in self._recorded:
            self._recorded[len(indices)] = self._record(indices.clone())

    def _record(self, indices: Tensor) -> tuple[Tensor, Work]:
        before = [tensor.clone() for tensor in self._changing()]
        random_state = self._generator.get_state()
        try:
            for _ in range(WARM_UPS):
                self._recorder.warm_up(lambda: self._step(indices))
        finally:
            for tensor, value in zip(self._changing(), before, strict=True):
                tensor.copy_(value)
            self._generator.set_state(random_state)
        return indices, self._recorder.record(lambda: self._step(indices), self._generator)
