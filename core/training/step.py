"""A training step recorded once and replayed as a whole, so that a GPU never waits for Python to launch kernels.

See "Constraints" of CUDA graphs in PyTorch's notes: what a graph reads and writes must stay where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor

Work = Callable[[], None]
# PyTorch chooses algorithms and sets up libraries in the first steps, which a recording must not contain.
WARM_UPS = 3


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
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(generator)
        with torch.cuda.device(self._device), torch.cuda.graph(graph):
            work()
        replay: Work = graph.replay
        return replay


class CUDAGraphStep:
    """A training step on the images with the indices given, recorded for each length of a batch.

    `changing` gives all tensors that a step changes in place. To warm up, steps are done and undone.
    """

    def __init__(
        self,
        step: Callable[[Tensor], None],
        changing: Callable[[], Iterable[Tensor]],
        generator: torch.Generator,
        recorder: Recorder,
    ) -> None:
        self._step, self._changing = step, changing
        self._generator, self._recorder = generator, recorder
        self._recorded: dict[int, tuple[Tensor, Work]] = {}

    def __call__(self, chosen: Tensor) -> None:
        """Do the step."""
        if len(chosen) not in self._recorded:
            self._recorded[len(chosen)] = self._record(chosen.clone())
        indices, replay = self._recorded[len(chosen)]
        indices.copy_(chosen)
        replay()

    def _record(self, indices: Tensor) -> tuple[Tensor, Work]:
        before = [tensor.clone() for tensor in self._changing()]
        drawn = self._generator.get_state()
        for _ in range(WARM_UPS):
            self._recorder.warm_up(lambda: self._step(indices))
        for tensor, value in zip(self._changing(), before, strict=True):
            tensor.copy_(value)
        self._generator.set_state(drawn)
        return indices, self._recorder.record(lambda: self._step(indices), self._generator)


def init_optimizer_state(optimizer: torch.optim.Optimizer) -> None:
    """Give an optimizer that did no step yet the state with which it would begin; parameters stay as they are."""
    if optimizer.state:
        return
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for state in optimizer.state.values():
        state["step"].zero_()
    optimizer.zero_grad()
