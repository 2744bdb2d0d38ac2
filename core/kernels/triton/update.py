"""From parts of gradients to new weights: matrices are made, parts added up in a fixed order, Adam takes its step."""

import triton
import triton.language as tl

from core.kernels.triton.shared import factor

FIRST_DECAY = tl.constexpr(0.9)
SECOND_DECAY = tl.constexpr(0.999)
LOG_FIRST_DECAY = tl.constexpr(-0.10536051565782628)
LOG_SECOND_DECAY = tl.constexpr(-0.0010005003335835335)
STABILITY = tl.constexpr(1e-8)


@triton.jit
def gather(values, table, terms, length, i, inside, TERMS: tl.constexpr, BLOCK: tl.constexpr):
    """For each i the sum of the values whose indices the table (terms, length) holds; -1 stands for none."""
    found = tl.zeros([BLOCK], tl.float32)
    for first in range(0, terms, TERMS):
        term = first + tl.arange(0, TERMS)
        known = (term < terms)[:, None] & inside[None, :]
        index = tl.load(table + term[:, None] * length + i[None, :], mask=known, other=-1)
        found += tl.sum(tl.load(values + index, mask=index >= 0, other=0.0), 0)
    return found


@triton.jit
def make_matrices(
    weights, matrices, table, terms_of_block, length, parameters, TERMS: tl.constexpr, BLOCK: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The matrices of all convolutions; for each block of entries is known how many terms it needs."""
    block = tl.program_id(0)
    run = tl.program_id(1)
    i = block * BLOCK + tl.arange(0, BLOCK)
    terms = tl.load(terms_of_block + block)
    found = gather(weights + run * parameters, table, terms, length, i, i < length, TERMS, BLOCK)
    found = factor(found, DOT, PRECISION).to(matrices.dtype.element_ty)
    tl.store(matrices + run * length + i, found, mask=i < length)


@triton.jit
def add_parts(partials, gradients, plan, stride, length, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Add up the rows of each layer. A block's plan: first entry, rows, entries in a row, which it is, where to."""
    block = tl.program_id(0)
    run = tl.program_id(1)
    start = tl.load(plan + block * 5)
    rows = tl.load(plan + block * 5 + 1)
    row_size = tl.load(plan + block * 5 + 2)
    j = tl.load(plan + block * 5 + 3) + tl.arange(0, BLOCK)
    to = tl.load(plan + block * 5 + 4)
    found = tl.zeros([ROWS, BLOCK], tl.float32)
    for first in range(0, rows, ROWS):
        row = first + tl.arange(0, ROWS)
        at = partials + run * stride + start + row[:, None] * row_size + j[None, :]
        found += tl.load(at, mask=(row < rows)[:, None] & (j < row_size)[None, :], other=0.0)
    tl.store(gradients + run * length + to + j, tl.sum(found, 0), mask=j < row_size)


@triton.jit
def lost(logarithm, steps):
    """1 - exp(logarithm * steps), exact also where that is near 0."""
    x = steps * logarithm
    near = -x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0)))
    return tl.where(x > -0.02, near, 1.0 - tl.exp(x))


@triton.jit(do_not_specialize=["images", "error_parts", "divergence_parts"])
def adam(
    weights, first_moments, second_moments, gradients, table, terms_of_block, steps, counts, rates,
    errors, divergences, totals, squares,
    images, error_parts, divergence_parts, parameters, length, tensors, counted,
    TERMS: tl.constexpr, BLOCK: tl.constexpr, PARTS: tl.constexpr, COUNTS: tl.constexpr,
    REPEATS: tl.constexpr,
):  # fmt: skip
    """Adam's step on all weights (Kingma & Ba 2015, algorithm 1); the first program counts it and adds up the loss.

    Each program leaves the sum of the squares of its part of the gradient.
    """
    block = tl.program_id(0)
    run = tl.program_id(1)
    i = block * BLOCK + tl.arange(0, BLOCK)
    inside = i < parameters
    terms = tl.load(terms_of_block + block)
    g = gather(gradients + run * length, table, terms, parameters, i, inside, TERMS, BLOCK)
    tl.store(squares + run * tl.num_programs(0) + block, tl.sum(g * g, 0))
    at = run * parameters + i
    # Each program has counts of its own: those that others read could change before they do.
    count = block + tl.num_programs(0) * tl.arange(0, REPEATS)
    before = tl.load(steps + run * counted + count, mask=count < counted, other=0.0)
    tl.store(steps + run * counted + count, before + 1.0, mask=count < counted)
    step = tl.max(before, 0) + 1.0
    first = tl.load(first_moments + at, mask=inside, other=0.0)
    second = tl.load(second_moments + at, mask=inside, other=0.0)
    first += (g - first) * (1.0 - FIRST_DECAY)
    second = second * SECOND_DECAY + g * g * (1.0 - SECOND_DECAY)
    tl.store(first_moments + at, first, mask=inside)
    tl.store(second_moments + at, second, mask=inside)
    size = tl.load(rates + run) / lost(LOG_FIRST_DECAY, step)
    deviation = tl.sqrt(second) / tl.sqrt(lost(LOG_SECOND_DECAY, step)) + STABILITY
    weight = tl.load(weights + at, mask=inside, other=0.0)
    tl.store(weights + at, weight - size * first / deviation, mask=inside)
    if block == 0:
        k = tl.arange(0, COUNTS)
        seen = tl.load(counts + run * tensors + k, mask=k < tensors, other=0)
        tl.store(counts + run * tensors + k, seen + 1, mask=k < tensors)
        part = tl.arange(0, PARTS)
        error = tl.load(errors + run * error_parts + part, mask=part < error_parts, other=0.0)
        divergence = tl.load(divergences + run * divergence_parts + part, mask=part < divergence_parts, other=0.0)
        tl.store(totals + run * 2, tl.load(totals + run * 2) + tl.sum(error, 0).to(tl.float64))
        tl.store(totals + run * 2 + 1, tl.load(totals + run * 2 + 1) + tl.sum(divergence, 0).to(tl.float64))
