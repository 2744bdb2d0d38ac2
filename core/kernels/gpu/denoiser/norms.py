"""Group normalisation and SiLU in one kernel each way, as a function that PyTorch's autograd calls."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.kernels.gpu.launches.forward import Launch
from core.kernels.triton import groups

WARPS = 8  # a program has an image to itself: as many as shorten its time


class GroupNormSiLU(torch.autograd.Function):
    """SiLU of x (B, C, H, W) normalised in groups, times weight (C,) plus bias (C,).

    With a modulation (B, 2 C), before SiLU also times 1 + its first half plus its second half. What it gives lies
    channels last.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, modulation: Tensor | None, number: int) -> Tensor:
        """`number` of groups."""
        x = x.contiguous(memory_format=torch.channels_last)
        modulation = None if modulation is None else modulation.contiguous()
        y = torch.empty_like(x)
        forward_launch(x, weight, bias, modulation, y, number)()
        ctx.save_for_backward(x, weight, bias, modulation)
        ctx.number = number
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of all that is given."""
        x, weight, bias, modulation = ctx.saved_tensors
        (gradient,) = gradients
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = torch.empty_like(x)
        of_parameters = torch.empty(len(x), 2, len(weight), device=x.device)
        of_modulation = None if modulation is None else torch.empty_like(modulation)
        backward_launch(x, weight, bias, modulation, gradient, of_x, of_parameters, of_modulation, ctx.number)()
        of_weight, of_bias = of_parameters.sum(0)
        return of_x, of_weight, of_bias, of_modulation, None


def forward_launch(
    x: Tensor, weight: Tensor, bias: Tensor, modulation: Tensor | None, y: Tensor, number: int
) -> Launch:
    """What computes y; weight stands for a modulation that there is none of."""
    arguments = x, weight, bias, weight if modulation is None else modulation, y
    constants = _constants(x, number, modulated=modulation is not None)
    return Launch("activate groups", groups.activate_groups, (len(x),), arguments, constants)


def backward_launch(
    x: Tensor, weight: Tensor, bias: Tensor, modulation: Tensor | None, gradient: Tensor, of_x: Tensor,
    of_parameters: Tensor, of_modulation: Tensor | None, number: int,
) -> Launch:  # fmt: skip
    """What computes the gradients."""
    given = weight if modulation is None else modulation
    arguments = x, weight, bias, given, gradient, of_x, of_parameters, of_parameters
    if of_modulation is not None:
        arguments = *arguments[:-1], of_modulation
    constants = _constants(x, number, modulated=modulation is not None)
    return Launch("activate groups backward", groups.activate_groups_backward, (len(x),), arguments, constants)


def _constants(x: Tensor, number: int, *, modulated: bool) -> dict[str, Any]:
    _, channels, height, width = x.shape
    sizes = {"PIXELS": height * width, "C": channels, "GROUPS": number}
    return sizes | {"MODULATED": modulated, "num_warps": WARPS}
