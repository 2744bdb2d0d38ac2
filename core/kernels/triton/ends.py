"""The latent between the two sides, as products over whole latents, and the last 1x1 convolution with the loss.

A latent is a row of 64 numbers, channels last. What the encoder leaves is a row of 128 (or 64, for a point).
"""

import triton
import triton.language as tl

from core.kernels.triton.shared import (
    activate,
    expect,
    factor,
    fold,
    normalise,
    normalise_backward,
    put_sums,
    repeat,
    through_activation,
)

POINT = tl.constexpr(0)  # `ae`
HEAD = tl.constexpr(1)  # `vae`: mean and log-variance by a 1x1 convolution
HALVES = tl.constexpr(2)  # `vae-post`: mean and standard deviation as they leave the encoder
LATENT = tl.constexpr(64)
LOWEST = tl.constexpr(-30.0)
HIGHEST = tl.constexpr(20.0)
VARIANCE_FLOOR = tl.constexpr(1e-6)


@triton.jit
def pick(vector, FIRST: tl.constexpr, C: tl.constexpr):
    """The channels from FIRST on, four of them, of a vector (C,), repeated for the 16 pixels of a latent: (64,)."""
    c = tl.arange(0, C)[None, :]
    four = tl.sum(tl.where(c == tl.arange(0, 4)[:, None] + FIRST, vector[None, :], 0.0), 1)
    return repeat(four, 16, 4)


@triton.jit(do_not_specialize=["images", "source_parts", "parts"])
def encode(
    source, source_sums, scale, shift, coefficients, running, of_mean, of_spread, head_bias, noise, moments,
    latents, matrix, own_bias, own_running, z, sums, divergences,
    images, source_parts, parts, parameters, statistics, matrices,
    KIND: tl.constexpr, CI: tl.constexpr, ROWS: tl.constexpr, SOURCE_PARTS: tl.constexpr, OWN_PARTS: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The latents, drawn with the noise (runs, images, 4, 16), and z of the decoder's first convolution."""
    part = tl.program_id(0)
    run = tl.program_id(1)
    image = part * ROWS + tl.arange(0, ROWS)
    there = (image < images)[:, None]
    row = (run * images + image)[:, None]
    j = tl.arange(0, LATENT)
    at = row * LATENT + j[None, :]
    a, b, _, _ = normalise(
        source_sums + run * (2 * CI * SOURCE_PARTS), source_parts, (images * 16).to(tl.float32),
        scale + run * parameters, shift + run * parameters, coefficients + run * (4 * CI),
        running + run * statistics, part == 0, CI, SOURCE_PARTS,
    )  # fmt: skip
    divergence = tl.zeros([ROWS, LATENT], tl.float32)
    at_mean = row * (16 * CI) + (j // 4 * CI + j % 4)[None, :]
    if KIND == HEAD:
        i = tl.arange(0, 16 * CI)
        h = tl.load(source + row * (16 * CI) + i[None, :], mask=there, other=0.0).to(tl.float32)
        h = activate(h, repeat(a, 16, CI)[None, :], repeat(b, 16, CI)[None, :])
        h = factor(h, DOT, PRECISION)
        entries = run * matrices + i[:, None] * LATENT + j[None, :]
        mean = tl.dot(h, tl.load(of_mean + entries).to(DOT), input_precision=PRECISION)
        spread = tl.dot(h, tl.load(of_spread + entries).to(DOT), input_precision=PRECISION)
        mean += tl.load(head_bias + run * parameters + j % 4)[None, :]
        spread += tl.load(head_bias + run * parameters + 4 + j % 4)[None, :]
    else:
        mean = tl.load(source + at_mean, mask=there, other=0.0).to(tl.float32)
        mean = activate(mean, pick(a, 0, CI)[None, :], pick(b, 0, CI)[None, :])
    latent = mean
    if KIND != POINT:
        drawn = tl.load(noise + row * LATENT + (j % 4 * 16 + j // 4)[None, :], mask=there, other=0.0)
        if KIND == HALVES:
            spread = tl.load(source + at_mean + 4, mask=there, other=0.0).to(tl.float32)
            spread = activate(spread, pick(a, 4, CI)[None, :], pick(b, 4, CI)[None, :])
            variance = tl.maximum(spread * spread, VARIANCE_FLOOR)
            log_variance = tl.log(variance)
        else:
            log_variance = tl.minimum(tl.maximum(spread, LOWEST), HIGHEST)
            variance = tl.exp(log_variance)
        latent += tl.sqrt(variance) * drawn
        divergence = 0.5 * (variance + mean * mean - log_variance - 1.0)
        divergence = tl.where(there, divergence, 0.0)
        both = row * (2 * LATENT) + j[None, :]
        tl.store(moments + both, mean, mask=there)
        tl.store(moments + both + LATENT, spread, mask=there)
    tl.store(divergences + run * parts + part, tl.sum(tl.sum(divergence, 1), 0))
    latent = tl.where(there, latent, 0.0)
    tl.store(latents + at, latent, mask=there)
    k = tl.arange(0, LATENT)
    weights = tl.load(matrix + run * matrices + k[:, None] * LATENT + j[None, :])
    found = tl.dot(factor(latent, DOT, PRECISION), weights.to(DOT), input_precision=PRECISION)
    found -= expect(own_running + run * statistics, own_bias + run * parameters, j % 4)[None, :]
    stored = tl.where(there, found, 0.0).to(z.dtype.element_ty)
    tl.store(z + at, stored, mask=there)
    rounded = stored.to(tl.float32)
    sums += run * (8 * OWN_PARTS)
    squares = fold(rounded * rounded, ROWS, 16, 4)
    put_sums(sums, part, fold(rounded, ROWS, 16, 4), squares, tl.arange(0, 4), 4, OWN_PARTS)


@triton.jit
def put_gradient(
    gradient, before, a, b, mean, inverse, destination, at, there, sums, part, FIRST: tl.constexpr, WIDTH: tl.constexpr,
    C: tl.constexpr, ROWS: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Store a gradient of the encoder's last output, and its sums for the channels from FIRST on."""
    stored = gradient.to(destination.dtype.element_ty)
    tl.store(destination + at, stored, mask=there)
    g = tl.where(there, through_activation(stored.to(tl.float32), before, a, b), 0.0)
    product = g * ((before - mean) * inverse)
    c = FIRST + tl.arange(0, WIDTH)
    put_sums(sums, part, fold(g, ROWS, 16, WIDTH), fold(product, ROWS, 16, WIDTH), c, C, PARTS)


@triton.jit(do_not_specialize=["images", "own_parts", "parts", "error_parts"])
def encode_backward(
    z, gradient, own_coefficients, own_sums, of_scale, of_shift, matrix, latents, moments, noise, back_mean,
    back_spread, source, source_coefficients, source_gradient, source_sums, of_matrix, errors, weights_of_kl,
    images, own_parts, parts, error_parts, gradients, matrices, partials,
    KIND: tl.constexpr, CI: tl.constexpr, OPTIMAL: tl.constexpr, ROWS: tl.constexpr, OWN_PARTS: tl.constexpr,
    SOURCE_PARTS: tl.constexpr, ERROR_PARTS: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """From the gradient of the decoder's first output to that of the encoder's last, and of what lies between.

    A row of `of_matrix` holds the gradients of the first convolution's matrix, the head's two matrices, its biases.
    """
    part = tl.program_id(0)
    run = tl.program_id(1)
    image = part * ROWS + tl.arange(0, ROWS)
    there = (image < images)[:, None]
    row = (run * images + image)[:, None]
    j = tl.arange(0, LATENT)
    k = tl.arange(0, LATENT)
    at = row * LATENT + j[None, :]
    own_coefficients += run * 16
    c2, c3 = normalise_backward(
        own_sums + run * (8 * OWN_PARTS), own_parts, (images * 16).to(tl.float32), own_coefficients,
        of_scale + run * gradients, of_shift + run * gradients, part == 0, 4, OWN_PARTS,
    )  # fmt: skip
    own = tl.load(z + at, mask=there, other=0.0).to(tl.float32)
    d = tl.load(gradient + at, mask=there, other=0.0).to(tl.float32)
    a = tl.load(own_coefficients + j % 4)[None, :]
    b = tl.load(own_coefficients + 4 + j % 4)[None, :]
    dz = a * through_activation(d, own, a, b) + (repeat(c2, 16, 4)[None, :] * own + repeat(c3, 16, 4)[None, :])
    dz = factor(tl.where(there, dz, 0.0), DOT, PRECISION)
    size: tl.constexpr = LATENT * LATENT
    width: tl.constexpr = 16 * CI * LATENT
    row_size: tl.constexpr = size + (2 * width + 2 * LATENT if KIND == HEAD else 0)
    of_matrix += run * partials + part * row_size
    latent = factor(tl.load(latents + at, mask=there, other=0.0), DOT, PRECISION)
    tl.store(of_matrix + k[:, None] * LATENT + j[None, :], tl.dot(tl.trans(dz), latent, input_precision=PRECISION))
    entries = tl.load(matrix + run * matrices + k[:, None] * LATENT + j[None, :]).to(DOT)
    of_mean = tl.dot(dz, entries, input_precision=PRECISION)
    if KIND != POINT:
        share = tl.load(weights_of_kl + run)
        if OPTIMAL:
            q = tl.arange(0, ERROR_PARTS)
            error = tl.load(errors + run * error_parts + q, mask=q < error_parts, other=0.0)
            share = share * 2.0 * (tl.sum(error, 0) / images) / 1024.0
        share = share / images
        drawn = tl.load(noise + row * LATENT + (j % 4 * 16 + j // 4)[None, :], mask=there, other=0.0)
        both = row * (2 * LATENT) + j[None, :]
        mean = tl.load(moments + both, mask=there, other=0.0)
        spread = tl.load(moments + both + LATENT, mask=there, other=0.0)
        of_latent = of_mean
        of_mean = tl.where(there, of_latent + share * mean, 0.0)
        if KIND == HEAD:
            variance = tl.exp(tl.minimum(tl.maximum(spread, LOWEST), HIGHEST))
            of_spread = 0.5 * (of_latent * drawn * tl.sqrt(variance) + share * (variance - 1.0))
            of_spread = tl.where((spread >= LOWEST) & (spread <= HIGHEST) & there, of_spread, 0.0)
        else:
            square = spread * spread
            inverse = 1.0 / tl.where(square >= VARIANCE_FLOOR, spread, 1.0)
            of_spread = (of_latent * drawn * tl.sqrt(square) + share * (square - 1.0)) * inverse
            of_spread = tl.where((square >= VARIANCE_FLOOR) & there, of_spread, 0.0)
    source_coefficients += run * (4 * CI)
    source_sums += run * (2 * CI * SOURCE_PARTS)
    if KIND == HEAD:
        i = tl.arange(0, 16 * CI)
        at_source = row * (16 * CI) + i[None, :]
        before = tl.load(source + at_source, mask=there, other=0.0).to(tl.float32)
        a = tl.load(source_coefficients + i % CI)[None, :]
        b = tl.load(source_coefficients + CI + i % CI)[None, :]
        h = factor(tl.where(there, activate(before, a, b), 0.0), DOT, PRECISION)
        low_mean = factor(of_mean, DOT, PRECISION)
        low_spread = factor(of_spread, DOT, PRECISION)
        back = run * matrices + k[:, None] * (16 * CI) + i[None, :]
        found = tl.dot(low_mean, tl.load(back_mean + back).to(DOT), input_precision=PRECISION)
        found = tl.dot(low_spread, tl.load(back_spread + back).to(DOT), found, input_precision=PRECISION)
        to = of_matrix + size + k[:, None] * (16 * CI) + i[None, :]
        tl.store(to, tl.dot(tl.trans(low_mean), h, input_precision=PRECISION))
        tl.store(to + width, tl.dot(tl.trans(low_spread), h, input_precision=PRECISION))
        tl.store(of_matrix + size + 2 * width + j, tl.sum(of_mean, 0))
        tl.store(of_matrix + size + 2 * width + LATENT + j, tl.sum(of_spread, 0))
        m = tl.load(source_coefficients + 2 * CI + i % CI)[None, :]
        inverse = tl.load(source_coefficients + 3 * CI + i % CI)[None, :]
        put_gradient(
            found, before, a, b, m, inverse, source_gradient, at_source, there, source_sums, part, 0, CI, CI, ROWS,
            SOURCE_PARTS,
        )  # fmt: skip
    else:
        for half in tl.static_range(1 if KIND == POINT else 2):
            at_source = row * (16 * CI) + (j // 4 * CI + j % 4 + 4 * half)[None, :]
            before = tl.load(source + at_source, mask=there, other=0.0).to(tl.float32)
            c = j % 4 + 4 * half
            a = tl.load(source_coefficients + c)[None, :]
            b = tl.load(source_coefficients + CI + c)[None, :]
            m = tl.load(source_coefficients + 2 * CI + c)[None, :]
            inverse = tl.load(source_coefficients + 3 * CI + c)[None, :]
            found = of_mean if half == 0 else of_spread
            put_gradient(
                found, before, a, b, m, inverse, source_gradient, at_source, there, source_sums, part, 4 * half, 4, CI,
                ROWS, SOURCE_PARTS,
            )  # fmt: skip


@triton.jit(do_not_specialize=["images", "source_parts", "parts"])
def project(
    source, source_sums, scale, shift, coefficients, running, weight, own_bias, pictures, chosen, of_output, sums,
    of_matrix, errors,
    images, source_parts, parts, parameters, statistics, partials,
    LEVEL: tl.constexpr, ROWS: tl.constexpr, SOURCE_PARTS: tl.constexpr, OWN_PARTS: tl.constexpr,
):  # fmt: skip
    """The 1x1 convolution from eight channels to one, the squared error, and the gradient of the output.

    A row of `of_matrix` holds the gradients of the eight weights, of the bias, and zeros.
    """
    part = tl.program_id(0)
    run = tl.program_id(1)
    SIZE: tl.constexpr = 1 << LEVEL
    pixel = part * ROWS + tl.arange(0, ROWS)
    there = pixel < images * (SIZE * SIZE)
    row = run * images * (SIZE * SIZE) + pixel
    c = tl.arange(0, 8)
    z = tl.load(source + row[:, None] * 8 + c[None, :], mask=there[:, None], other=0.0).to(tl.float32)
    picture = tl.load(chosen + run * images + (pixel >> (2 * LEVEL)), mask=there, other=0).to(tl.int32)
    x = tl.load(pictures + (picture << (2 * LEVEL)) + (pixel & (SIZE * SIZE - 1)), mask=there, other=0).to(tl.float32)
    x = x / 255.0
    a, b, mean, inverse = normalise(
        source_sums + run * (16 * SOURCE_PARTS), source_parts, (images * (SIZE * SIZE)).to(tl.float32),
        scale + run * parameters, shift + run * parameters, coefficients + run * 32,
        running + run * statistics, part == 0, 8, SOURCE_PARTS,
    )  # fmt: skip
    a = a[None, :]
    b = b[None, :]
    w = tl.load(weight + run * parameters + c)[None, :]
    y = activate(z, a, b)
    error = tl.where(there, tl.sum(y * w, 1) + tl.load(own_bias + run * parameters) - x, 0.0)
    d = 2.0 * error / images
    tl.store(of_output + row, d, mask=there)
    g = through_activation(d[:, None] * w, z, a, b)
    product = g * ((z - mean[None, :]) * inverse[None, :])
    put_sums(sums + run * (16 * OWN_PARTS), part, tl.sum(g, 0), tl.sum(product, 0), c, 8, OWN_PARTS)
    of_matrix += run * partials + part * 16
    tl.store(of_matrix + c, tl.sum(y * d[:, None], 0))
    tl.store(of_matrix + 8 + c, tl.where(c == 0, tl.sum(d, 0), 0.0))
    tl.store(errors + run * parts + part, tl.sum(error * error, 0))
