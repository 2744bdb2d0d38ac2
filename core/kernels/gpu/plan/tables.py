"""A convolution of blocks of pixels is a product with a matrix; these tables say which entries are which weights.

An entry is the sum of a few weights, or zero. A table (rows, columns, terms) holds their indices in the kernel
(out, in, 3, 3), -1 for none. From the gradient of such a matrix the transposed table leads back to the kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.kernels.gpu.layers import MIDDLE, Layer

NONE = -1


def forward_table(layer: Layer, block: int) -> Tensor:
    """From the pixels of a window, channels last, to those of a block of the output."""
    view = layer.forward(block)
    # Where in the window a pixel of the block looks with row (or column) k of the kernel.
    look = {
        (pixel, k): 1 + (pixel + k - 1) // 2 if layer.upsampled and view.block > 1 else pixel + k
        for pixel in range(view.block)
        for k in range(3)
    }
    return _table(look, view.window, view.block, layer.channels_in, layer.channels_out, transposed=False)


def backward_table(layer: Layer, block: int) -> Tensor:
    """From the gradient in a window of the output to that of a block of the source."""
    view = layer.backward(block)
    if layer.upsampled:  # a pixel of the source became two on a side
        look = {(fine, k): fine - k + 2 for fine in range(2) for k in range(3)}
        look_block = 1
    else:
        look = {(pixel, k): pixel - k + 2 for pixel in range(view.block) for k in range(3)}
        look_block = view.block
    return _table(look, view.window, look_block, layer.channels_out, layer.channels_in, transposed=True)


def _table(
    look: dict[tuple[int, int], int], window: int, block: int, rows: int, columns: int, transposed: bool
) -> Tensor:
    """The table (window^2 * rows, block^2 * columns, terms); a pixel beyond the block counts for its only pixel."""
    out, into = (rows, columns) if transposed else (columns, rows)
    weights = torch.arange(out * into * 9).view(out, into, 3, 3)
    if not transposed:
        weights = weights.transpose(0, 1)
    terms: dict[tuple[int, int, int, int], list[Tensor]] = {}
    for (y, ky), wy in look.items():
        for (x, kx), wx in look.items():
            place = (wy, wx, y % block, x % block)
            terms.setdefault(place, []).append(weights[:, :, ky, kx])
    most = max(map(len, terms.values()))
    table = torch.full((window, window, rows, block, block, columns, most), NONE)
    for (wy, wx, y, x), found in terms.items():
        for term, kernel in enumerate(found):
            table[wy, wx, :, y, x, :, term] = kernel
    return table.view(window**2 * rows, block**2 * columns, most)


def whole_table(channels_in: int, channels_out: int, transposed: bool) -> Tensor:
    """A 3x3 convolution of all pixels of a latent, channels last, or with `transposed` its gradient's way back."""
    weights = torch.arange(channels_out * channels_in * 9).view(channels_out, channels_in, 3, 3)
    table = torch.full((MIDDLE, MIDDLE, channels_in, MIDDLE, MIDDLE, channels_out, 1), NONE)
    pixels = range(MIDDLE)
    for y, x, ky, kx in torch.cartesian_prod(*map(torch.arange, (MIDDLE, MIDDLE, 3, 3))).tolist():
        if y + ky - 1 in pixels and x + kx - 1 in pixels:
            table[y + ky - 1, x + kx - 1, :, y, x, :, 0] = weights[:, :, ky, kx].T
    table = table.view(MIDDLE**2 * channels_in, MIDDLE**2 * channels_out, 1)
    return table.transpose(0, 1).contiguous() if transposed else table


def pixelwise_table(channels_in: int, outputs: range, transposed: bool) -> Tensor:
    """Some outputs of a 1x1 convolution at all pixels of a latent, or with `transposed` the way back."""
    pixels = MIDDLE**2
    table = torch.full((pixels, channels_in, pixels, len(outputs), 1), NONE)
    weights = torch.tensor(outputs)[None, :] * channels_in + torch.arange(channels_in)[:, None]
    for pixel in range(pixels):
        table[pixel, :, pixel, :, 0] = weights
    table = table.view(pixels * channels_in, pixels * len(outputs), 1)
    return table.transpose(0, 1).contiguous() if transposed else table


def transpose(table: Tensor, weights: int) -> Tensor:
    """For each weight the flat entries it is part of, (weights, most), -1 for none."""
    entries = torch.arange(table[..., 0].numel()).view_as(table[..., 0])[..., None].expand_as(table)
    used = table != NONE
    weight, order = table[used].sort(stable=True)
    entry = entries[used][order]
    counts = weight.bincount(minlength=weights)
    rank = torch.arange(len(weight)) - (counts.cumsum(0) - counts)[weight]
    result = torch.full((weights, int(counts.max())), NONE)
    result[weight, rank] = entry
    return result
