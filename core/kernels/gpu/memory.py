"""Where a step keeps what it changes: flat tensors with a row a run, of which models and optimizers hold views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from core.kernels.gpu.tiles import WEIGHTS

ALIGNED = 16  # entries; so that every tensor begins at a multiple of what a thread loads at once


class Slots:
    """Names for parts of a flat tensor."""

    def __init__(self, aligned: int = ALIGNED) -> None:
        self._aligned = aligned
        self._places: dict[str, tuple[int, int]] = {}
        self.length = 0

    def add(self, name: str, size: int) -> int:
        """Make room; where it begins."""
        start = self.length
        self._places[name] = (start, size)
        self.length += -(-size // self._aligned) * self._aligned
        return start

    def start(self, name: str) -> int:
        """Where it begins."""
        return self._places[name][0]

    def size(self, name: str) -> int:
        """How many entries it has."""
        return self._places[name][1]

    def of(self, flat: Tensor, name: str) -> Tensor:
        """The part of a flat tensor (length,)."""
        start, size = self._places[name]
        return flat[start : start + size]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)


def lay_out(model: nn.Module) -> tuple[Slots, Slots]:
    """Where a model's parameters lie in a row of weights, and its running means and variances in one of statistics."""
    places, statistic_places = Slots(), Slots(4)  # the variance of a layer follows its mean without a gap
    for name, parameter in model.named_parameters():
        places.add(name, parameter.numel())
    for name, buffer in model.named_buffers():
        if buffer.is_floating_point():
            statistic_places.add(name, buffer.numel())
    return places, statistic_places


class Frozen:
    """A copy of a model's weights and running statistics, in rows as `Memory` has them."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.places, self.statistic_places = lay_out(model)
        device = next(model.parameters()).device
        self.weights = torch.zeros(1, self.places.length, device=device)
        self.statistics = torch.zeros(1, self.statistic_places.length, device=device)
        self._copies = [
            self.places.of(self.weights[0], name).view(parameter.shape) for name, parameter in model.named_parameters()
        ]
        self._copies += [
            self.statistic_places.of(self.statistics[0], name).view(buffer.shape)
            for name, buffer in model.named_buffers()
            if buffer.is_floating_point()
        ]

    @torch.no_grad()
    def take(self) -> None:
        """Copy what the model has now."""
        buffers = [buffer for buffer in self._model.buffers() if buffer.is_floating_point()]
        torch._foreach_copy_(self._copies, [*self._model.parameters(), *buffers])


class Memory:
    """Weights, Adam's moments, running statistics and counts of several runs whose models are alike.

    Models and optimizers stay what they are to everybody else: their tensors become views of the flat ones.
    """

    def __init__(self, models: Sequence[nn.Module], optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self._models, self._optimizers = models, optimizers
        first = models[0]
        device = next(first.parameters()).device
        runs = len(models)
        self.places, self.statistic_places = lay_out(first)
        self.counted = [name for name, buffer in first.named_buffers() if buffer.dtype == torch.int64]
        self.blocks = -(-self.places.length // WEIGHTS)

        def flat(length: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(runs, length, dtype=dtype, device=device)

        self.weights, self.first_moments, self.second_moments = (flat(self.places.length) for _ in range(3))
        self.statistics = flat(self.statistic_places.length)
        self.counts = flat(len(self.counted), torch.int64)
        self.steps = flat(max(self.blocks, len(list(first.parameters()))))
        self.rates = flat(1)
        for run in range(runs):
            self._bind(run)

    def changing(self) -> list[Tensor]:
        """All that a step changes in here."""
        return [self.weights, self.first_moments, self.second_moments, self.statistics, self.counts, self.steps]

    def restored(self) -> None:
        """Take in what was loaded into the optimizers, which puts new tensors in the place of views."""
        for run in range(len(self._models)):
            self._bind_optimizer(run)

    @torch.no_grad()
    def _bind(self, run: int) -> None:
        model = self._models[run]
        for name, parameter in model.named_parameters():
            parameter.data = _moved(parameter, self.places.of(self.weights[run], name))
        for name, buffer in model.named_buffers():
            if buffer.dtype == torch.int64:
                index = self.counted.index(name)
                place = self.counts[run, index : index + 1]
            else:
                place = self.statistic_places.of(self.statistics[run], name)
            owner, _, own = name.rpartition(".")
            model.get_submodule(owner)._buffers[own] = _moved(buffer, place)
        self._bind_optimizer(run)

    @torch.no_grad()
    def _bind_optimizer(self, run: int) -> None:
        optimizer = self._optimizers[run]
        (group,) = optimizer.param_groups
        self.rates[run].fill_(float(group["lr"]))
        group["lr"] = self.rates[run, 0]
        names = {id(parameter): name for name, parameter in self._models[run].named_parameters()}
        for index, parameter in enumerate(group["params"]):
            state = optimizer.state[parameter]  # empty before the first step
            name = names[id(parameter)]
            for key, moments in (("exp_avg", self.first_moments), ("exp_avg_sq", self.second_moments)):
                old = state.get(key, torch.zeros_like(parameter))
                state[key] = _moved(old, self.places.of(moments[run], name))
            if index == 0:
                self.steps[run].fill_(float(state.get("step", 0.0)))
            state["step"] = self.steps[run, index]


def _moved(tensor: Tensor, place: Tensor) -> Tensor:
    """A view of the place that looks like the tensor and has its values."""
    view = place.view(tensor.shape)
    if view.data_ptr() != tensor.data_ptr():
        view.copy_(tensor)
    return view
