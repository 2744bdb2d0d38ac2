"""The gradient of the first convolution's matrix, which reads images and passes nothing on."""

import triton
import triton.language as tl

from core.kernels.triton.convolutions import within_block
from core.kernels.triton.shared import BIT, SLOPE, factor, normalise_backward, places, repeat, seen


@triton.jit(do_not_specialize=["images", "own_parts"])
def first_backward(
    z, gradient, own_coefficients, own_sums, of_scale, of_shift, source, chosen, of_matrix,
    images, own_parts, gradients, partials,
    LEVEL: tl.constexpr, WINDOW: tl.constexpr, BLOCK: tl.constexpr, CO: tl.constexpr, ENTRIES: tl.constexpr,
    ROWS: tl.constexpr, OWN_PARTS: tl.constexpr, DOT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """A row of `of_matrix` is the gradient of the forward matrix: from the pixels of a window to those of a block."""
    part = tl.program_id(0)
    run = tl.program_id(1)
    GROUPS: tl.constexpr = 1 << LEVEL
    SIZE: tl.constexpr = GROUPS * BLOCK
    N: tl.constexpr = BLOCK * BLOCK * CO
    block = part * ROWS + tl.arange(0, ROWS)
    there = block < images * (GROUPS * GROUPS)
    image, row, column = places(block, LEVEL)
    j = tl.arange(0, N)
    image += run * images
    corner = (((image * SIZE + BLOCK * row) * SIZE + BLOCK * column) * CO)[:, None]
    at = corner + within_block(j, BLOCK, SIZE, CO)[None, :]
    own = tl.load(z + at, mask=there[:, None], other=0).to(tl.float32)
    d = tl.load(gradient + at, mask=there[:, None], other=0).to(tl.float32)
    picture = tl.load(chosen + image, mask=there, other=0).to(tl.int32)
    pixel = tl.arange(0, ENTRIES)
    corner = ((picture * SIZE + BLOCK * row - 1) * SIZE + BLOCK * column - 1)[:, None]
    exist = (seen(row, column, there, GROUPS, WINDOW)[:, None] & ((1 << pixel) * BIT)[None, :]) != 0
    x = tl.load(source + corner + (pixel // WINDOW * SIZE + pixel % WINDOW)[None, :], mask=exist, other=0)
    own_coefficients += run * (4 * CO)
    c2, c3 = normalise_backward(
        own_sums + run * (2 * CO * OWN_PARTS), own_parts, (images * (SIZE * SIZE)).to(tl.float32), own_coefficients,
        of_scale + run * gradients, of_shift + run * gradients, part == 0, CO, OWN_PARTS,
    )  # fmt: skip
    a = tl.load(own_coefficients + j % CO)[None, :]
    b = tl.load(own_coefficients + CO + j % CO)[None, :]
    c2 = repeat(c2, BLOCK * BLOCK, CO)[None, :]
    c3 = repeat(c3, BLOCK * BLOCK, CO)[None, :]
    dz = d * tl.where(own * a + b > 0, a, a * SLOPE) + (c2 * own + c3)
    dz = factor(tl.where(there[:, None], dz, 0.0), DOT, PRECISION)
    pixels = factor(x.to(tl.float32) / 255.0, DOT, PRECISION)
    found = tl.dot(tl.trans(pixels), dz, input_precision=PRECISION)
    of_matrix += run * partials + part * (WINDOW * WINDOW * N)
    tl.store(of_matrix + pixel[:, None] * N + j[None, :], found, mask=(pixel < WINDOW * WINDOW)[:, None])
