"""Calls kernels.cpp with tensors.

Not linked to PyTorch: only to the OpenMP that PyTorch has loaded, whose threads it uses.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from core.kernels import compiler
from core.kernels.compiler import Unavailable

SOURCE = Path(__file__).with_name("kernels.cpp")
# As in kernels.cpp: numbers worked on at once, and the fewest channels.
PACK, EIGHT, FOUR = 64, 8, 4
AT_ONCE = 16  # pixels of a row in convolve_eight
# Of every convolution here: stride, padding, dilation, not transposed, output padding, groups.
GEOMETRY = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
_POINTER, _LONG, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_long, ctypes.c_int, ctypes.c_float
_SIGNATURES = {
    "normalise": [_POINTER] * 2 + [_LONG, _INT] + [_POINTER] * 3 + [_FLOAT] * 3 + [_POINTER] * 3,
    "normalise_backward": [_POINTER] * 2 + [_LONG, _INT] + [_POINTER] * 2 + [_FLOAT] + [_POINTER] * 3,
    "pool": [_POINTER] * 2 + [_LONG, _INT, _INT],
    "pool_backward": [_POINTER] * 3 + [_LONG, _INT, _INT],
    "interleave": [_POINTER] * 2 + [_LONG, _INT, _INT],
    "interleave_backward": [_POINTER] * 2 + [_LONG, _INT, _INT],
    "convolve_first": [_POINTER] * 3 + [_LONG, _INT],
    "convolve_first_backward": [_POINTER] * 3 + [_LONG, _INT],
    "convolve_last": [_POINTER] * 3 + [_LONG],
    "convolve_last_backward": [_POINTER] * 5 + [_LONG],
}
_BFLOAT16_SIGNATURES = {"convolve_eight": [_POINTER] * 3 + [_LONG, _INT]}


def empty_images(count: int, channels: int, size: int, dtype: torch.dtype) -> Tensor:
    """Images (count, channels, size, size) laid out channels last, not filled in."""
    return torch.empty(count, size, size, channels, dtype=dtype).permute(0, 3, 1, 2)


def can_move(channels: int) -> bool:
    """Whether there are kernels that pool and upsample images of so many channels."""
    return channels % EIGHT == 0


def can_normalise(channels: int, size: int) -> bool:
    """Whether there is one that normalises any number of images of so many channels, with `size` pixels on a side."""
    return channels % FOUR == 0 and PACK % channels == 0 and channels * size**2 % PACK == 0


class Kernels:
    """The functions of kernels.cpp for one type of number; images are (B, C, S, S), laid out channels last."""

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        self.dtype = dtype
        for name, signature in (_SIGNATURES | (_BFLOAT16_SIGNATURES if dtype == torch.bfloat16 else {})).items():
            function = getattr(library, name)
            function.argtypes, function.restype = signature, None
        self._library = library

    def normalise(self, x: Tensor, norm: torch.nn.BatchNorm2d, bias: Tensor, slope: float) -> tuple[Tensor, Tensor]:
        """Batch normalisation and a leaky ReLU; running statistics are brought up to date.

        Returns the images and the statistics of the batch (2, C): mean and 1 / standard deviation.
        """
        y, statistics = torch.empty_like(x), torch.empty(2, x.shape[1])
        assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
        self._library.normalise(
            self._packs(x),
            self._packs(y),
            x.numel(),
            x.shape[1],
            _numbers(norm.weight),
            _numbers(norm.bias),
            _numbers(bias),
            slope,
            norm.eps,
            norm.momentum,
            _numbers(statistics),
            _numbers(norm.running_mean),
            _numbers(norm.running_var),
        )
        return y, statistics

    def normalise_backward(
        self, gradient: Tensor, x: Tensor, scale: Tensor, shift: Tensor, slope: float, statistics: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The gradients of scale and of shift; that of x is put in its place."""
        of_scale, of_shift = torch.empty_like(scale), torch.empty_like(shift)
        self._library.normalise_backward(
            self._packs(gradient),
            self._packs(x),
            x.numel(),
            x.shape[1],
            _numbers(scale),
            _numbers(shift),
            slope,
            _numbers(statistics),
            _numbers(of_scale),
            _numbers(of_shift),
        )
        return of_scale, of_shift

    def pool(self, x: Tensor) -> Tensor:
        """The largest of each 2x2 pixels."""
        count, channels, size, _ = x.shape
        y = empty_images(count, channels, size // 2, x.dtype)
        self._library.pool(self._images(x), self._images(y), count, size, channels)
        return y

    def pool_backward(self, gradient: Tensor, x: Tensor) -> Tensor:
        """The gradient of x; the first of the largest takes it."""
        count, channels, size, _ = x.shape
        of_x = torch.empty_like(x)
        self._library.pool_backward(self._images(gradient), self._images(x), self._images(of_x), count, size, channels)
        return of_x

    def interleave(self, coarse: Tensor) -> Tensor:
        """Images (B, C, 2S, 2S) of their four phases (B, 4C, S + 1, S + 1); see core.kernels.fused."""
        count, channels, size = coarse.shape[0], coarse.shape[1] // 4, coarse.shape[2] - 1
        fine = empty_images(count, channels, 2 * size, coarse.dtype)
        self._library.interleave(self._images(coarse), self._images(fine), count, size, channels)
        return fine

    def interleave_backward(self, fine: Tensor) -> Tensor:
        """The gradient of the phases."""
        count, channels, size = fine.shape[0], fine.shape[1], fine.shape[2] // 2
        coarse = empty_images(count, 4 * channels, size + 1, fine.dtype)
        self._library.interleave_backward(self._images(fine), self._images(coarse), count, size, channels)
        return coarse

    def convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        """The convolution with a kernel (D, C, 3, 3), or one with a margin for 2x2, laid out channels last."""
        if kernel.shape == (EIGHT, 1, 3, 3):
            y = empty_images(len(x), EIGHT, x.shape[2], x.dtype)
            taps = kernel.float().reshape(EIGHT, 9).T.contiguous()
            self._library.convolve_first(self._images(x), _numbers(taps), self._images(y), len(x), x.shape[2])
            return y
        if kernel.shape != (EIGHT, EIGHT, 3, 3) or x.shape[2] % AT_ONCE or self.dtype != torch.bfloat16:
            result: Tensor = torch.ops.aten.convolution(x, kernel, None, *GEOMETRY)
            return result.contiguous(memory_format=torch.channels_last)  # a copy only where PyTorch chose otherwise
        y = torch.empty_like(x)
        self._library.convolve_eight(self._images(x), self._images(kernel), self._images(y), len(x), x.shape[2])
        return y

    def convolve_backward(
        self, gradient: Tensor, x: Tensor, kernel: Tensor, of_x_too: bool
    ) -> tuple[Tensor | None, Tensor]:
        """The gradients of x, if it is wanted, and of the kernel."""
        if not of_x_too and kernel.shape == (EIGHT, 1, 3, 3):
            return None, self._first_kernel_gradient(x, gradient)
        of_x = None
        if of_x_too and kernel.shape == (EIGHT, EIGHT, 3, 3):
            mirrored = empty_images(EIGHT, EIGHT, 3, kernel.dtype).copy_(kernel.flip(2, 3).transpose(0, 1))
            of_x = self.convolve(gradient, mirrored)
        wanted = [of_x_too and of_x is None, True, False]
        other, of_kernel, _ = torch.ops.aten.convolution_backward(gradient, x, kernel, None, *GEOMETRY, wanted)
        return (other if of_x is None else of_x), of_kernel.float()

    def _first_kernel_gradient(self, x: Tensor, gradient: Tensor) -> Tensor:
        result = torch.empty(9, EIGHT)
        self._library.convolve_first_backward(
            self._images(gradient), self._images(x), _numbers(result), len(x), x.shape[2]
        )
        return result.T.reshape(EIGHT, 1, 3, 3)

    def project(self, x: Tensor, weight: Tensor) -> Tensor:
        """The 1x1 convolution of eight channels to one, in float32; weight (9,) ends with the bias."""
        count, _, size, _ = x.shape
        y = torch.empty(count, 1, size, size)
        self._library.convolve_last(self._eight(x), _numbers(weight), _numbers(y), count * size * size)
        return y

    def project_backward(self, gradient: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of x and of the weight (9,)."""
        of_x, of_weight = torch.empty_like(x), torch.empty_like(weight)
        self._library.convolve_last_backward(
            _numbers(gradient),
            self._eight(x),
            _numbers(weight),
            self._images(of_x),
            _numbers(of_weight),
            gradient.numel(),
        )
        return of_x, of_weight

    def _eight(self, images: Tensor) -> int:
        if images.shape[1] != EIGHT:
            raise ValueError(f"images must have {EIGHT} channels, not {images.shape[1]}")
        return self._images(images)

    def _images(self, images: Tensor) -> int:
        """The address, once it is sure that the kernels can work there."""
        _, channels, size, width = images.shape
        if images.dtype != self.dtype or size != width or images.stride(1) != 1 or (channels > 1 and channels % EIGHT):
            raise ValueError(f"no kernel for {images.dtype} images {tuple(images.shape)} laid out {images.stride()}")
        return images.data_ptr()

    def _packs(self, images: Tensor) -> int:
        """The same where pixels do not matter, but a pack must hold whole ones."""
        channels = images.shape[1]
        if images.dtype != self.dtype or images.stride(1) != 1 or PACK % channels or images.numel() % PACK:
            raise ValueError(f"no kernel for {images.dtype} images {tuple(images.shape)} laid out {images.stride()}")
        return images.data_ptr()


def _numbers(tensor: Tensor) -> int:
    if tensor.dtype != torch.float32 or not tensor.is_contiguous():
        raise ValueError(f"expected contiguous float32 numbers, not {tensor.dtype} laid out {tensor.stride()}")
    return tensor.data_ptr()


@cache
def load(dtype: torch.dtype) -> Kernels:
    """The kernels for float32 or bfloat16, compiled if they are not yet. Raises Unavailable."""
    defines = ("-DBFLOAT16",) if dtype == torch.bfloat16 else ()
    try:
        return Kernels(compiler.load([SOURCE], ["-fopenmp", *defines]), dtype)
    except AttributeError as error:
        raise Unavailable(str(error)) from error
