"""What several kernels do: batch normalisation from sums, and the pixels of a window."""

import triton
import triton.language as tl

SLOPE = tl.constexpr(0.01)
EPSILON = tl.constexpr(1e-5)
MOMENTUM = tl.constexpr(0.1)
BIT = tl.constexpr(1 << 8)


@triton.jit
def factor(value, DOT: tl.constexpr, PRECISION: tl.constexpr):
    """A factor of a product. Units that multiply tf32 cut off what does not fit: half of its last place rounds it."""
    if PRECISION == "tf32" and tl.float32 == DOT:
        return (value.to(tl.int32, bitcast=True) + 0x1000).to(tl.float32, bitcast=True)
    else:  # noqa: RET505 - Triton compiles one of the two
        return value.to(DOT)


@triton.jit
def activate(z, a, b):
    """Normalisation and leaky ReLU."""
    y = z * a + b
    return tl.maximum(y, y * SLOPE)


@triton.jit
def through_activation(gradient, z, a, b):
    """The gradient before the leaky ReLU from that after it."""
    return tl.where(z * a + b > 0, gradient, gradient * SLOPE)


@triton.jit
def repeat(vector, TIMES: tl.constexpr, C: tl.constexpr):
    """(C,) to (TIMES * C,)."""
    return tl.reshape(tl.broadcast_to(vector[None, :], TIMES, C), (TIMES * C,))


@triton.jit
def fold(values, ROWS: tl.constexpr, TIMES: tl.constexpr, C: tl.constexpr):
    """(ROWS, TIMES * C) to the sums (C,)."""
    return tl.sum(tl.sum(tl.reshape(values, (ROWS, TIMES, C)), 1), 0)


@triton.jit
def add_up(sums, parts, C: tl.constexpr, PARTS: tl.constexpr):
    """Two sums of each channel, from (2, C, PARTS), of which so many parts are there."""
    part = tl.arange(0, PARTS)[None, :]
    at = sums + tl.arange(0, C)[:, None] * PARTS + part
    first = tl.where(part < parts, tl.load(at), 0.0)
    second = tl.where(part < parts, tl.load(at + C * PARTS), 0.0)
    return tl.sum(first, 1), tl.sum(second, 1)


@triton.jit
def put_sums(sums, part, first, second, c, C: tl.constexpr, PARTS: tl.constexpr):
    """Where `add_up` looks for a program's two sums of channels c."""
    at = sums + c * PARTS + part
    tl.store(at, first)
    tl.store(at + C * PARTS, second)


@triton.jit
def expect(running, bias, c):
    """What a convolution without its bias is expected to leave on average: z is what differs from that.

    Numbers near zero lose little when they are rounded; all pixels of a background far from it would lose the same.
    """
    return tl.load(running + c) - tl.load(bias + c)


@triton.jit
def normalise(sums, parts, pixels, scale, shift, coefficients, running, is_first, C: tl.constexpr, PARTS: tl.constexpr):
    """Factor, summand, mean, 1 / deviation (C,) of a normalisation; the first program keeps that, and what runs."""
    total, squares = add_up(sums, parts, C, PARTS)
    share = 1.0 / pixels
    mean = total * share
    variance = tl.maximum(squares * share - mean * mean, 0.0)
    inverse = 1.0 / tl.sqrt(variance + EPSILON)
    c = tl.arange(0, C)
    a = tl.load(scale + c) * inverse
    b = tl.load(shift + c) - mean * a
    if is_first:
        tl.store(coefficients + c, a)
        tl.store(coefficients + C + c, b)
        tl.store(coefficients + 2 * C + c, mean)
        tl.store(coefficients + 3 * C + c, inverse)
        tl.store(running + c, tl.load(running + c) + mean * MOMENTUM)  # z is what differs from it
        old = tl.load(running + C + c)
        tl.store(running + C + c, old + (variance * (pixels / (pixels - 1.0)) - old) * MOMENTUM)
    return a, b, mean, inverse


@triton.jit
def normalise_backward(
    sums, parts, pixels, coefficients, of_scale, of_shift, is_first, C: tl.constexpr, PARTS: tl.constexpr
):
    """c2 and c3 (C,) of dz = a g + c2 z + c3, g being the gradient before the leaky ReLU."""
    total, product = add_up(sums, parts, C, PARTS)
    c = tl.arange(0, C)
    a = tl.load(coefficients + c)
    mean = tl.load(coefficients + 2 * C + c)
    inverse = tl.load(coefficients + 3 * C + c)
    share = 1.0 / pixels
    c2 = -a * inverse * (product * share)
    if is_first:
        tl.store(of_scale + c, product)
        tl.store(of_shift + c, total)
    return c2, -a * (total * share) - c2 * mean


@triton.jit
def places(block, LEVEL: tl.constexpr):
    """Image, row and column of a block of pixels, 2^LEVEL on a side of an image; four in a square follow each other.

    Shifts instead of divisions, which would look after negative numbers.
    """
    within = block & ((1 << (2 * LEVEL)) - 1)
    square = within >> 2
    row = ((square >> (LEVEL - 1)) << 1) | ((within >> 1) & 1)
    return block >> (2 * LEVEL), row, ((square & ((1 << (LEVEL - 1)) - 1)) << 1) | (within & 1)


@triton.jit
def seen(row, column, there, GROUPS: tl.constexpr, WINDOW: tl.constexpr):
    """For each window a bit for every pixel of it that exists: only its outer rows and columns can lie outside.

    The bits begin at BIT: numbers that fit into 16 bits would be computed in pairs, which takes longer.
    """
    first_row: tl.constexpr = ((1 << WINDOW) - 1) * BIT
    first_column: tl.constexpr = (0x49 if WINDOW == 3 else 0x1111) * BIT
    bits = tl.where(there, ((1 << (WINDOW * WINDOW)) - 1) * BIT, 0)
    bits = tl.where(row == 0, bits & ~first_row, bits)
    bits = tl.where(row == GROUPS - 1, bits & ~(first_row << (WINDOW * (WINDOW - 1))), bits)
    bits = tl.where(column == 0, bits & ~first_column, bits)
    return tl.where(column == GROUPS - 1, bits & ~(first_column << (WINDOW - 1)), bits)
