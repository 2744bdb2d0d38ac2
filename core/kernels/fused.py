"""The forward and backward pass of a training step on a CPU, several times faster than PyTorch's own modules.

The same parameters, the same mathematics. What differs is the way: channels last, bfloat16 between the layers where
the processor multiplies it, normalisation and leaky ReLU in one, and a nearest upsampling before a 3x3 convolution
as four 2x2 convolutions of the image that was not upsampled yet, with 4/9 of the multiplications.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.kernels import native
from core.kernels.compiler import Unavailable, bfloat16_is_faster
from core.kernels.native import Kernels, empty_images
from core.models.autoencoder import Autoencoder, ConvBlock
from core.shapes import PADDED_SIZE

# A row of the upsampled image with phase 0 or 1 sees two rows of the coarse one; these are the kernel's three rows
# that fall on each: (phase, coarse row, row of the kernel).
_PHASES = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
# From a 3x3 kernel to the 2x2 kernels of the four phases: (9, 16).
_TO_PHASES = torch.einsum("ark,bsl->klabrs", _PHASES, _PHASES).reshape(9, 16)


def accelerate(model: Autoencoder, device: torch.device, precision: str = "auto") -> tuple[nn.Module, str]:
    """What to call instead of a model in training mode on the device, and what it is, in a few words.

    It trains the model's own parameters and keeps its running statistics. Off the CPU, and without a compiler, it
    consists of PyTorch's own layers.
    """
    dtype = number_type(precision, device)
    low, number = dtype == torch.bfloat16, str(dtype).removeprefix("torch.")
    if device.type != "cpu":
        return (_with_sides(model, lambda layers: _Plain(layers, dtype, device.type)) if low else model), number
    try:
        library = native.load(dtype)
    except Unavailable as reason:
        plain = _with_sides(model, lambda layers: _Plain(layers, dtype, "cpu"))
        return plain, f"{number} without fused kernels: {reason}"
    sizes = iter((PADDED_SIZE, model.latent_shape[1]))  # of what enters the encoder, and the decoder
    unfused: list[nn.Module] = []

    def replaced(layers: nn.Module) -> nn.Module:
        made = list(_layers(layers, library, next(sizes)))
        unfused.extend(layer for layer in made if isinstance(layer, _ByPyTorch))
        return nn.Sequential(_Enter(dtype), *made, _Leave())

    fused = _with_sides(model, replaced)
    rest = f", {len(unfused)} layer{'s' * (len(unfused) > 1)} of other sizes by PyTorch" if unfused else ""
    return fused, f"fused {number}{rest}"


def number_type(precision: str, device: torch.device) -> torch.dtype:
    """What a model's products are made of where a config asks for that precision."""
    low = precision == "bfloat16" or (precision == "auto" and device.type == "cpu" and bfloat16_is_faster())
    return torch.bfloat16 if low else torch.float32


def _with_sides(model: Autoencoder, replaced: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """The model with other layers on the same parameters; what it does around encoder and decoder stays its own."""
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    for side in ("encoder", "decoder"):
        setattr(twin, side, replaced(getattr(model, side)))
    return twin


class _Plain(nn.Module):
    """PyTorch's own layers, under autocast for bfloat16; channels last on the CPU."""

    def __init__(self, layers: nn.Module, dtype: torch.dtype, device_type: str) -> None:
        super().__init__()
        self.layers, self.low, self.device_type = layers, dtype == torch.bfloat16, device_type

    def forward(self, x: Tensor) -> Tensor:
        # A recorded step must not keep weights that were cast before it.
        with torch.autocast(self.device_type, torch.bfloat16, enabled=self.low, cache_enabled=False):
            y: Tensor = self.layers(_channels_last(x, torch.float32) if self.device_type == "cpu" else x)
        return y.float()


def _layers(modules: nn.Module, library: Kernels, size: int) -> Iterator[nn.Module]:
    """What stands for these layers, of which the first takes images of so many pixels on a side."""
    upsampled, channels = False, 1
    for module in _leaves(modules):
        match module:
            case ConvBlock():
                convolution = module[0]
                assert isinstance(convolution, nn.Conv2d)
                channels = convolution.out_channels
                if native.can_normalise(channels, size) and (not upsampled or native.can_move(channels)):
                    yield FusedBlock(module, library, upsampled)
                else:
                    yield _ByPyTorch(nn.Sequential(nn.Upsample(scale_factor=2), module) if upsampled else module)
                upsampled = False
            case nn.MaxPool2d():
                yield FusedPool(library) if native.can_move(channels) else _ByPyTorch(module)
                size //= 2
            case nn.Upsample():
                upsampled = True
                size *= 2
            case nn.Conv2d(in_channels=native.EIGHT, out_channels=1, kernel_size=(1, 1)):
                yield FusedProjection(module, library)
            case nn.Conv2d():
                yield _Convolution(module, library.dtype)
            case _:
                raise TypeError(f"no fused layer stands for {type(module).__name__}")


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, nn.Sequential) and not isinstance(module, ConvBlock):
        for child in module:
            yield from _leaves(child)
    else:
        yield module


class FusedBlock(nn.Module):
    """A ConvBlock, and the upsampling before it."""

    def __init__(self, block: ConvBlock, library: Kernels, upsampled: bool) -> None:
        super().__init__()
        convolution, norm, relu = block
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(relu, nn.LeakyReLU)
        self.convolution, self.norm, self.slope = convolution, norm, relu.negative_slope
        self.kernels, self.upsampled = library, upsampled

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S, S) to (B, D, S, S), or (B, D, 2S, 2S) upsampled."""
        convolution, norm = self.convolution, self.norm
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        result: Tensor = _Block.apply(x, convolution.weight, convolution.bias, norm.weight, norm.bias, self)
        return result


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor, block: FusedBlock
    ) -> Tensor:
        low = _channels_last(_phase_kernels(weight) if block.upsampled else weight, x.dtype)
        z = block.kernels.convolve(x, low)
        if block.upsampled:
            z = block.kernels.interleave(z)
        # The convolution's bias is left out: normalisation would take it away again.
        y, statistics = block.kernels.normalise(z, block.norm, bias, block.slope)
        ctx.save_for_backward(x, low, scale, shift, statistics)
        ctx.block, ctx.z = block, z
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, low, scale, shift, statistics = ctx.saved_tensors
        block: FusedBlock = ctx.block
        library = block.kernels
        of_z, ctx.z = ctx.z, None
        if of_z is None:
            raise RuntimeError("a fused block cannot be differentiated a second time: its gradient took its place")
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_scale, of_shift = library.normalise_backward(gradient, of_z, scale, shift, block.slope, statistics)
        if block.upsampled:
            of_z = library.interleave_backward(of_z)
        of_bias = torch.zeros_like(shift)  # exactly
        of_x, of_weight = library.convolve_backward(of_z, x, low, ctx.needs_input_grad[0])
        if block.upsampled:
            of_weight = _phase_kernels_backward(of_weight, block.convolution.weight)
        return of_x, of_weight, of_bias, of_scale, of_shift, None


def _phase_kernels(weight: Tensor) -> Tensor:
    """The kernels (4D, C, 2, 2) that give the four phases of upsampling followed by a kernel (D, C, 3, 3)."""
    out, into = weight.shape[:2]
    phases = (weight.reshape(out * into, 9) @ _TO_PHASES).view(out, into, 2, 2, 2, 2)
    return phases.permute(2, 3, 0, 1, 4, 5).reshape(4 * out, into, 2, 2)


def _phase_kernels_backward(gradient: Tensor, weight: Tensor) -> Tensor:
    out, into = weight.shape[:2]
    phases = gradient.reshape(2, 2, out, into, 2, 2).permute(2, 3, 0, 1, 4, 5).reshape(out * into, 16)
    return (phases @ _TO_PHASES.T).view_as(weight)


def _channels_last(images: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy (B, C, S, S) laid out so also where C is 1, which PyTorch otherwise takes for the other layout."""
    count, channels, size, _ = images.shape
    return empty_images(count, channels, size, dtype).copy_(images)


class FusedPool(nn.Module):
    """The largest of each 2x2 pixels."""

    def __init__(self, library: Kernels) -> None:
        super().__init__()
        self.kernels = library

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S, S) to (B, C, S / 2, S / 2)."""
        result: Tensor = _Pool.apply(x, self.kernels)
        return result


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, library: Kernels) -> Tensor:
        ctx.save_for_backward(x)
        ctx.kernels = library
        return library.pool(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return ctx.kernels.pool_backward(gradient.contiguous(memory_format=torch.channels_last), x), None


class FusedProjection(nn.Module):
    """A 1x1 convolution from eight channels to one, the last of a decoder."""

    def __init__(self, convolution: nn.Conv2d, library: Kernels) -> None:
        super().__init__()
        self.convolution, self.kernels = convolution, library

    def forward(self, x: Tensor) -> Tensor:
        """(B, 8, S, S) to (B, 1, S, S), float32."""
        bias = self.convolution.bias
        assert bias is not None
        result: Tensor = _Projection.apply(x, torch.cat([self.convolution.weight.flatten(), bias]), self.kernels)
        return result


class _Projection(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, library: Kernels) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.kernels = library
        return library.project(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        return *ctx.kernels.project_backward(gradient.contiguous(), x, weight), None


class _Convolution(nn.Module):
    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        self.convolution, self.dtype = convolution, dtype

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.convolution.weight.to(self.dtype), self.convolution.bias
        assert bias is not None
        return functional.conv2d(x, weight, bias.to(self.dtype), padding=self.convolution.padding)


class _ByPyTorch(nn.Module):
    """Layers whose sizes are not those of the kernels, in the numbers that they are given."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=x.dtype == torch.bfloat16, cache_enabled=False):
            y: Tensor = self.layers(x)
        return _channels_last(y, x.dtype)


class _Enter(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return _channels_last(x, self.dtype)


class _Leave(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float()
