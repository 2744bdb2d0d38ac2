"""The denoiser with kernels in place of its normalisations; weights and what passes through lie channels last."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from core.kernels.gpu.denoiser.norms import GroupNormSiLU
from core.models.denoiser import Denoiser, ResidualBlock

CONVOLUTION = 4  # dimensions of its weight


class NormActivation(nn.Module):
    """A group normalisation and SiLU."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """Of x (B, C, H, W), scaled and shifted between the two where there is a modulation (B, 2 C)."""
        norm = self.norm
        found: Tensor = GroupNormSiLU.apply(x, norm.weight, norm.bias, modulation, norm.num_groups)
        return found


class FastBlock(nn.Module):
    """What a ResidualBlock computes, with its layers."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        norm, _, self.enter = block.before
        assert isinstance(norm, nn.GroupNorm)
        self.first, self.second = NormActivation(norm), NormActivation(block.norm)
        _, self.leave = block.after
        self.condition, self.around = block.condition, block.around

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """As `ResidualBlock.forward`."""
        within = self.second(self.enter(self.first(x)), self.condition(condition))
        result: Tensor = self.around(x) + self.leave(within)
        return result


def fast(model: Denoiser) -> Denoiser:
    """A network with the parameters of the model themselves, which computes the same with fewer kernels."""
    network = copy.copy(model)
    modules = dict(model._modules)
    for name, module in modules.items():
        if isinstance(module, ResidualBlock):
            modules[name] = FastBlock(module)
        elif isinstance(module, nn.ModuleList):
            modules[name] = nn.ModuleList(FastBlock(block) for block in module if isinstance(block, ResidualBlock))
    norm, _, convolution = model.leave
    assert isinstance(norm, nn.GroupNorm)
    modules["leave"] = nn.Sequential(NormActivation(norm), convolution)
    network._modules = modules
    return network


@torch.no_grad()
def lay_out(model: nn.Module, optimizer: torch.optim.Optimizer, memory_format: torch.memory_format) -> None:
    """Have weights of convolutions, and the optimizer's moments of them, lie like that; they become other tensors."""
    for parameter in _weights(model):
        parameter.grad = None
        parameter.data = parameter.contiguous(memory_format=memory_format)
        state = optimizer.state.get(parameter, {})
        for key in ("exp_avg", "exp_avg_sq"):
            if key in state:
                state[key] = state[key].contiguous(memory_format=memory_format)


def _weights(model: nn.Module) -> Iterator[nn.Parameter]:
    yield from (parameter for parameter in model.parameters() if parameter.ndim == CONVOLUTION)
