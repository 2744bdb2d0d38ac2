"""What the kernels have to know of a network: its convolutions one after the other, and how each is cut into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import nn

from core.kernels.compiler import Unavailable
from core.models.autoencoder import Autoencoder, ConvBlock
from core.shapes import LATENT_SHAPE, PADDED_SIZE

LATENT_CHANNELS, MIDDLE, _ = LATENT_SHAPE  # MIDDLE: the pixels on a side
IMAGE = PADDED_SIZE


class Unfit(Unavailable):
    """The kernels are not made for this network, batch or machine; the text says why."""


@dataclass(frozen=True)
class Tiling:
    """How a convolution is cut up: a program computes so many images, block by block, each from a window around it.

    A block is `block` x `block` pixels; `taps` pixels of the window are multiplied at a time, and `ahead` such parts
    are loaded before the first is used. After an upsampling, a block of two is what that made of one pixel.
    """

    block: int
    images: int
    taps: int
    ahead: int
    warps: int


@dataclass(frozen=True)
class Window:
    """Blocks of `block` x `block` pixels, `groups` x `groups` of them in an image, and the window each depends on.

    The window has `window` x `window` pixels, begins one before the block's place and moves by `stride`.
    """

    groups: int
    stride: int
    window: int
    block: int


@dataclass(frozen=True)
class Layer:
    """A ConvBlock: its prefix among the parameters, the pixels on a side of its output, channels, and its source."""

    name: str
    size: int
    channels_in: int
    channels_out: int
    upsampled: bool = False
    pooled_after: bool = False

    @property
    def source_size(self) -> int:
        """The pixels on a side of what it reads, pooled already but not upsampled."""
        return self.size // 2 if self.upsampled else self.size

    def forward(self, block: int) -> Window:
        """How its output depends on its source."""
        if self.upsampled and block > 1:
            return Window(self.size // 2, 1, 3, 2)
        return Window(self.size // block, block, block + 2, block)

    def backward(self, block: int) -> Window:
        """How the gradient of its source depends on that of its output."""
        if self.upsampled:
            return Window(self.size // 2, 2, 4, 1)
        return Window(self.size // block, block, block + 2, block)


def layers_of(model: Autoencoder) -> tuple[list[Layer], list[Layer]]:
    """The convolutions of encoder and decoder in their order. Raises Unfit for a network that is built otherwise."""
    encoder = list(_side(model.encoder, "encoder", IMAGE))
    decoder = list(_side(model.decoder, "decoder", MIDDLE))
    channels = {layer.channels_in for layer in encoder[1:] + decoder} | {layer.channels_out for layer in encoder}
    fits = (
        encoder[0].channels_in == 1
        and encoder[-1].size == MIDDLE == decoder[0].size
        and decoder[-1].size == IMAGE
        and decoder[0].channels_in == LATENT_CHANNELS
        and decoder[-1].channels_out == 8
        and channels <= {4, 8, 16, 32}
    )
    if not fits:
        raise Unfit("the kernels are not made for a network of this shape")
    return encoder, decoder


def _side(side: nn.Module, name: str, size: int) -> Iterator[Layer]:
    found: list[Layer] = []
    upsampled = False
    for prefix, module in _leaves(side, name):
        match module:
            case ConvBlock():
                convolution = module[0]
                assert isinstance(convolution, nn.Conv2d)
                found.append(Layer(prefix, size, convolution.in_channels, convolution.out_channels, upsampled))
                upsampled = False
            case nn.MaxPool2d():
                found[-1] = replace(found[-1], pooled_after=True)
                size //= 2
            case nn.Upsample():
                upsampled = True
                size *= 2
            case nn.Conv2d(kernel_size=(1, 1), out_channels=1):
                pass  # the last of a decoder, which is not normalised
            case _:
                raise Unfit(f"there is no kernel for {type(module).__name__}")
    yield from found


def _leaves(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, nn.Sequential) and not isinstance(module, ConvBlock):
        for key, child in module.named_children():
            yield from _leaves(child, f"{name}.{key}")
    else:
        yield name, module
