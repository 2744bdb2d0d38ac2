"""The 3x3 convolutions forwards and backwards, each with the normalisation before it and the sums for the one after.

Activations are stored as a convolution leaves them, less their running mean: z, channels last, (runs, images, size,
size, channels). Whoever reads them normalises and activates. In the code y = leaky(a z + b) and dz = a g + c2 z + c3.

A program computes whole images. It passes through what it reads once, y forwards and dz backwards, and stores that;
then it reads every window of it, which is in the cache and needs no more arithmetic.
"""

import triton
import triton.language as tl

from core.kernels.triton.shared import (
    BIT,
    SLOPE,
    activate,
    expect,
    factor,
    fold,
    normalise,
    normalise_backward,
    places,
    put_sums,
    repeat,
    seen,
    through_activation,
)

WIDTH = tl.constexpr(32)  # entries side by side where a tensor is passed through once


@triton.jit(do_not_specialize=["images", "source_parts", "parts"])
def convolve(
    source, chosen, source_sums, scale, shift, coefficients, running, activated,
    matrix, own_bias, own_running, z, sums, next_scale, pooled, winners,
    images, source_parts, parts, parameters, statistics, matrices,
    IMAGES: tl.constexpr, DOUBLED: tl.constexpr, NORMALISED: tl.constexpr, LEVEL: tl.constexpr, STRIDE: tl.constexpr,
    WINDOW: tl.constexpr, BLOCK: tl.constexpr,
    CI: tl.constexpr, CO: tl.constexpr, COLUMNS: tl.constexpr, TAPS: tl.constexpr, AHEAD: tl.constexpr,
    ROWS: tl.constexpr, POOL: tl.constexpr, SOURCE_PARTS: tl.constexpr, OWN_PARTS: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """z of a layer from z of its source (or from uint8 images by their index), and z pooled by the winners' places.

    DOUBLED: the source is upsampled by looking at each of its pixels from four places.
    """
    part = tl.program_id(0)
    run = tl.program_id(1)
    GROUPS: tl.constexpr = 1 << LEVEL
    SIZE: tl.constexpr = GROUPS * BLOCK
    SOURCE: tl.constexpr = GROUPS // 2 if DOUBLED else GROUPS * STRIDE
    N: tl.constexpr = BLOCK * BLOCK * CO
    PARTS: tl.constexpr = (WINDOW * WINDOW + TAPS - 1) // TAPS
    block = part * ROWS + tl.arange(0, ROWS)
    there = block < images * (GROUPS * GROUPS)
    image, row, column = places(block, LEVEL)
    within = tl.arange(0, TAPS * CI)
    j = tl.arange(0, COLUMNS)
    matrix += run * matrices
    if IMAGES:
        image = tl.load(chosen + run * images + image, mask=there, other=0).to(tl.int32)
    else:
        image += run * images
    if not IMAGES:
        a, b, _, _ = normalise(
            source_sums + run * (2 * CI * SOURCE_PARTS), source_parts, (images * NORMALISED).to(tl.float32),
            scale + run * parameters, shift + run * parameters, coefficients + run * (4 * CI),
            running + run * statistics, part == 0, CI, SOURCE_PARTS,
        )  # fmt: skip
        LINES: tl.constexpr = ROWS * SOURCE * SOURCE // (GROUPS * GROUPS) * CI // WIDTH
        entry = (part * LINES + tl.arange(0, LINES))[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]
        inside = entry < images * (SOURCE * SOURCE * CI)
        entry += run * images * (SOURCE * SOURCE * CI)
        y = tl.load(source + entry, mask=inside, other=0).to(tl.float32)
        y = activate(y, repeat(a, WIDTH // CI, CI)[None, :], repeat(b, WIDTH // CI, CI)[None, :])
        tl.store(activated + entry, factor(y, DOT, PRECISION).to(activated.dtype.element_ty), mask=inside)
        tl.debug_barrier()
    corner = (((image * SOURCE + STRIDE * row - 1) * SOURCE + STRIDE * column - 1) * CI)[:, None]
    exist = seen(row, column, there, GROUPS, WINDOW)
    result = tl.zeros([ROWS, COLUMNS], tl.float32)
    for first in tl.static_range(0, PARTS, AHEAD):
        values = ()
        weights = ()
        for i in tl.static_range(AHEAD):
            if first + i < PARTS:
                k = (first + i) * (TAPS * CI) + within
                pixel = k // CI
                if DOUBLED:
                    y1 = (row[:, None] + (pixel // WINDOW)[None, :] - 1) >> 1
                    x1 = (column[:, None] + (pixel % WINDOW)[None, :] - 1) >> 1
                    at = ((image[:, None] * SOURCE + y1) * SOURCE + x1) * CI + (k % CI)[None, :]
                else:
                    at = corner + ((pixel // WINDOW * SOURCE + pixel % WINDOW) * CI + k % CI)[None, :]
                inside = (exist[:, None] & ((1 << pixel) * BIT)[None, :]) != 0
                if IMAGES:
                    value = factor(tl.load(source + at, mask=inside, other=0).to(tl.float32) / 255.0, DOT, PRECISION)
                else:
                    value = tl.load(activated + at, mask=inside, other=0.0)
                values = values + (value.to(DOT),)
                weights = weights + (
                    tl.load(
                        matrix + k[:, None] * N + j[None, :],
                        mask=(k < WINDOW * WINDOW * CI)[:, None] & (j < N)[None, :],
                        other=0.0,
                    ).to(DOT),
                )
        for i in tl.static_range(AHEAD):
            if first + i < PARTS:
                result = tl.dot(values[i], weights[i], result, input_precision=PRECISION)
    expected = expect(own_running + run * statistics, own_bias + run * parameters, j % CO)
    stored = tl.where(there[:, None] & (j < N)[None, :], result - expected[None, :], 0.0).to(z.dtype.element_ty)
    own = (block >> (2 * LEVEL)) + run * images
    corner = ((own * SIZE + BLOCK * row) * SIZE + BLOCK * column) * CO
    at = corner[:, None] + within_block(j, BLOCK, SIZE, CO)[None, :]
    tl.store(z + at, stored, mask=there[:, None] & (j < N)[None, :])
    rounded = stored.to(tl.float32)
    sums += run * (2 * CO * OWN_PARTS)
    put_all(sums, part, rounded, rounded * rounded, ROWS, BLOCK, CO, COLUMNS, OWN_PARTS)
    if POOL:
        c = tl.arange(0, CO)
        sign = tl.where(tl.load(next_scale + run * parameters + c) < 0, -1.0, 1.0)[None, None, :]
        SQUARES: tl.constexpr = ROWS * BLOCK * BLOCK // 4
        square = part * SQUARES + tl.arange(0, SQUARES)
        four = tl.reshape(rounded, (SQUARES, 4, CO)) * sign
        best = tl.max(four, 1, keep_dims=True)
        place = tl.arange(0, 4)[None, :, None]
        winner = tl.min(tl.where(four == best, place, 4), 1)
        value = tl.sum(best * sign, 1)
        if BLOCK == 2:
            of_image, y1, x1 = places(square, LEVEL)
        else:
            of_image = square >> (2 * LEVEL - 2)
            y1 = (square >> (LEVEL - 1)) & (GROUPS // 2 - 1)
            x1 = square & (GROUPS // 2 - 1)
        at = (((of_image + run * images) * (SIZE // 2) + y1) * (SIZE // 2) + x1)[:, None] * CO + c[None, :]
        exists = (of_image < images)[:, None]
        tl.store(pooled + at, value.to(pooled.dtype.element_ty), mask=exists)
        tl.store(winners + at, winner.to(tl.int8), mask=exists)


@triton.jit
def within_block(j, BLOCK: tl.constexpr, SIZE: tl.constexpr, C: tl.constexpr):
    """Where entry j = (row, column, channel) of a block lies, from the block's first entry on."""
    pixel = j // C
    return (pixel // BLOCK * SIZE + pixel % BLOCK) * C + j % C


@triton.jit
def put_all(
    sums, part, first, second, ROWS: tl.constexpr, BLOCK: tl.constexpr, C: tl.constexpr, COLUMNS: tl.constexpr,
    PARTS: tl.constexpr,
):  # fmt: skip
    """The sums of two tensors (ROWS, COLUMNS) over the pixels of the blocks; columns beyond the blocks are left out."""
    if COLUMNS > BLOCK * BLOCK * C:
        j = tl.arange(0, COLUMNS)
        pixels: tl.constexpr = BLOCK * BLOCK
        total = tl.sum(first, 0)
        product = tl.sum(second, 0)
        if pixels == 1:
            at = sums + j * PARTS + part
            tl.store(at, total, mask=j < C)
            tl.store(at + C * PARTS, product, mask=j < C)
    else:
        c = tl.arange(0, C)
        put_sums(sums, part, fold(first, ROWS, BLOCK * BLOCK, C), fold(second, ROWS, BLOCK * BLOCK, C), c, C, PARTS)


@triton.jit(do_not_specialize=["images", "own_parts", "parts"])
def convolve_backward(
    z, gradient, winners, own_coefficients, own_sums, of_scale, of_shift, weight, of_z,
    matrix, source, source_coefficients, source_gradient, source_sums, of_matrix,
    images, own_parts, parts, parameters, gradients, matrices, partials,
    GRADIENT: tl.constexpr, LEVEL: tl.constexpr, STRIDE: tl.constexpr, WINDOW: tl.constexpr,
    BLOCK: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr, COLUMNS: tl.constexpr, TAPS: tl.constexpr,
    AHEAD: tl.constexpr, ROWS: tl.constexpr, OWN_PARTS: tl.constexpr, SOURCE_PARTS: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of a layer's source and of its matrix, each part of the latter in a row of its own.

    GRADIENT says what is known of the layer's output: 0 its gradient, 1 that of its pooled output, 2 that of the
    1x1 convolution to one channel which follows.
    """
    part = tl.program_id(0)
    run = tl.program_id(1)
    GROUPS: tl.constexpr = 1 << LEVEL
    SIZE: tl.constexpr = GROUPS * STRIDE
    SOURCE: tl.constexpr = GROUPS * BLOCK
    N: tl.constexpr = BLOCK * BLOCK * CI
    PARTS: tl.constexpr = (WINDOW * WINDOW + TAPS - 1) // TAPS
    block = part * ROWS + tl.arange(0, ROWS)
    there = block < images * (GROUPS * GROUPS)
    image, row, column = places(block, LEVEL)
    within = tl.arange(0, TAPS * CO)
    j = tl.arange(0, COLUMNS)
    matrix += run * matrices
    of_matrix += run * partials + part * (WINDOW * WINDOW * CO * N)
    own_coefficients += run * (4 * CO)
    image += run * images
    # What the source is at the block itself: for the gradient of the matrix, and for the sums of the source.
    known = there[:, None] & (j < N)[None, :]
    of_block = within_block(j, BLOCK, SOURCE, CI)[None, :]
    at_source = (((image * SOURCE + BLOCK * row) * SOURCE + BLOCK * column) * CI)[:, None] + of_block
    before = tl.load(source + at_source, mask=known, other=0).to(tl.float32)
    source_coefficients += run * (4 * CI)
    source_a = tl.load(source_coefficients + j % CI)[None, :]
    source_b = tl.load(source_coefficients + CI + j % CI)[None, :]
    middle = factor(tl.where(known, activate(before, source_a, source_b), 0.0), DOT, PRECISION)
    c2, c3 = normalise_backward(
        own_sums + run * (2 * CO * OWN_PARTS), own_parts, (images * (SIZE * SIZE)).to(tl.float32), own_coefficients,
        of_scale + run * gradients, of_shift + run * gradients, part == 0, CO, OWN_PARTS,
    )  # fmt: skip
    LINES: tl.constexpr = ROWS * STRIDE * STRIDE * CO // WIDTH
    PIXELS: tl.constexpr = WIDTH // CO
    w = tl.arange(0, WIDTH)
    line = part * LINES + tl.arange(0, LINES)
    entry = line[:, None] * WIDTH + w[None, :]
    inside = entry < images * (SIZE * SIZE * CO)
    at = run * images * (SIZE * SIZE * CO) + entry
    own = tl.load(z + at, mask=inside, other=0).to(tl.float32)
    if GRADIENT == 2:
        pixel = run * images * (SIZE * SIZE) + (line * PIXELS)[:, None] + (w // CO)[None, :]
        d = tl.load(gradient + pixel, mask=inside, other=0) * tl.load(weight + run * parameters + w % CO)[None, :]
    elif GRADIENT == 1:
        # A line lies within a row of pixels; squares of four pixels follow each other as their rows and columns do.
        x = (line * PIXELS & (SIZE - 1))[:, None] + (w // CO)[None, :]
        y = (line * PIXELS // SIZE)[:, None]
        square = ((run * images * (SIZE // 2) + (y >> 1)) * (SIZE // 2) + (x >> 1)) * CO + (w % CO)[None, :]
        d = tl.load(gradient + square, mask=inside, other=0).to(tl.float32)
        won = tl.load(winners + square, mask=inside, other=0).to(tl.int32)
        d = tl.where(won == ((y & 1) * 2 + (x & 1)), d, 0.0)
    else:
        d = tl.load(gradient + at, mask=inside, other=0).to(tl.float32)
    a = tl.load(own_coefficients + w % CO)[None, :]
    b = tl.load(own_coefficients + CO + w % CO)[None, :]
    c2 = repeat(c2, PIXELS, CO)[None, :]
    c3 = repeat(c3, PIXELS, CO)[None, :]
    dz = d * tl.where(own * a + b > 0, a, a * SLOPE) + (c2 * own + c3)
    tl.store(of_z + at, factor(dz, DOT, PRECISION).to(of_z.dtype.element_ty), mask=inside)
    tl.debug_barrier()
    corner = (((image * SIZE + STRIDE * row - 1) * SIZE + STRIDE * column - 1) * CO)[:, None]
    exist = seen(row, column, there, GROUPS, WINDOW)
    result = tl.zeros([ROWS, COLUMNS], tl.float32)
    for first in tl.static_range(0, PARTS, AHEAD):
        values = ()
        weights = ()
        for i in tl.static_range(AHEAD):
            if first + i < PARTS:
                k = (first + i) * (TAPS * CO) + within
                pixel = k // CO
                at = corner + ((pixel // WINDOW * SIZE + pixel % WINDOW) * CO + k % CO)[None, :]
                inside = (exist[:, None] & ((1 << pixel) * BIT)[None, :]) != 0
                values = values + (tl.load(of_z + at, mask=inside, other=0.0).to(DOT),)
                weights = weights + (
                    tl.load(
                        matrix + k[:, None] * N + j[None, :],
                        mask=(k < WINDOW * WINDOW * CO)[:, None] & (j < N)[None, :],
                        other=0.0,
                    ).to(DOT),
                )
        for i in tl.static_range(AHEAD):
            if first + i < PARTS:
                k = (first + i) * (TAPS * CO) + within
                result = tl.dot(values[i], weights[i], result, input_precision=PRECISION)
                found = tl.dot(tl.trans(values[i]), middle, input_precision=PRECISION)
                tl.store(
                    of_matrix + k[:, None] * N + j[None, :],
                    found,
                    mask=(k < WINDOW * WINDOW * CO)[:, None] & (j < N)[None, :],
                )
    stored = result.to(source_gradient.dtype.element_ty)
    tl.store(source_gradient + at_source, stored, mask=known)
    mean = tl.load(source_coefficients + 2 * CI + j % CI)[None, :]
    inverse = tl.load(source_coefficients + 3 * CI + j % CI)[None, :]
    g = through_activation(stored.to(tl.float32), before, source_a, source_b)
    product = g * ((before - mean) * inverse)
    source_sums += run * (2 * CI * SOURCE_PARTS)
    put_all(source_sums, part, g, product, ROWS, BLOCK, CI, COLUMNS, SOURCE_PARTS)
