"""The denoiser's kernels in Triton's interpreter, compared with PyTorch in float64; prints what it found as JSON.

A process of its own, as Triton reads TRITON_INTERPRET when kernels are declared.
"""

from __future__ import annotations

import json
from dataclasses import asdict

import torch
from torch import Tensor
from torch.nn import functional

from core.kernels.gpu.denoiser.norms import GroupNormSiLU
from core.kernels.gpu.denoiser.selftest import NORMS, check
from core.models.denoiser import GROUPS
from tests.core.kernels.interpreted_steps import error

IMAGES = 3


def reference(x: Tensor, weight: Tensor, bias: Tensor, modulation: Tensor | None) -> Tensor:
    """What the kernels should give."""
    found = functional.group_norm(x, GROUPS, weight, bias)
    if modulation is not None:
        scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
        found = found * (1 + scale) + shift
    return functional.silu(found)


def against_pytorch(channels: int, side: int, *, modulated: bool) -> dict[str, float]:
    """The errors of what is computed, and of each gradient; x does not lie channels last, nor does the gradient."""
    torch.manual_seed(channels + side)
    given = [torch.randn(IMAGES, channels, side, side) * 2 + 1, torch.randn(channels), torch.randn(channels)]
    given += [torch.randn(IMAGES, 2 * channels)] if modulated else []
    gradient = torch.randn(IMAGES, channels, side, side)
    own = [tensor.clone().requires_grad_() for tensor in given]
    exact = [tensor.double().requires_grad_() for tensor in given]
    y = GroupNormSiLU.apply(own[0], own[1], own[2], own[3] if modulated else None, GROUPS)
    wanted = reference(exact[0], exact[1], exact[2], exact[3] if modulated else None)
    y.backward(gradient)
    wanted.backward(gradient.double())
    assert y.is_contiguous(memory_format=torch.channels_last)
    names = ["x", "weight", "bias", "modulation"][: len(given)]
    found = {"y": error(y.detach(), wanted.detach())}
    for name, one, other in zip(names, own, exact, strict=True):
        assert one.grad is not None
        assert other.grad is not None
        found[name] = error(one.grad, other.grad)
    return found


def main() -> None:
    """All of them, and the check of the whole network."""
    found: dict[str, object] = {
        f"{channels} {side} {modulated}": against_pytorch(channels, side, modulated=modulated)
        for channels, side, modulated in NORMS
    }
    print(json.dumps(found | {"check": asdict(check("float32", "cpu", batch=2))}))


if __name__ == "__main__":
    main()
