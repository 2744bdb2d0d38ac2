"""Group normalisation, an optional scale and shift of each image, and SiLU, of images that lie channels last."""

import triton
import triton.language as tl

from core.kernels.triton.shared import EPSILON


@triton.jit
def of_groups(values, PIXELS: tl.constexpr, C: tl.constexpr, GROUPS: tl.constexpr):
    """The mean over the pixels and channels of each group of (PIXELS, C), for each channel (1, C)."""
    WIDTH: tl.constexpr = C // GROUPS
    total = tl.sum(tl.sum(tl.reshape(values, (PIXELS, GROUPS, WIDTH)), 2), 0) / (PIXELS * WIDTH)
    return tl.reshape(tl.broadcast_to(total[:, None], GROUPS, WIDTH), (1, C))


@triton.jit
def normalised(x, PIXELS: tl.constexpr, C: tl.constexpr, GROUPS: tl.constexpr):
    """The normalised numbers (PIXELS, C), and 1 / deviation (1, C)."""
    centred = x - of_groups(x, PIXELS, C, GROUPS)
    inverse = 1.0 / tl.sqrt(of_groups(centred * centred, PIXELS, C, GROUPS) + EPSILON)
    return centred * inverse, inverse


@triton.jit
def activate_groups(
    x, weight, bias, modulation, y,
    PIXELS: tl.constexpr, C: tl.constexpr, GROUPS: tl.constexpr, MODULATED: tl.constexpr,
):  # fmt: skip
    """y of x, both (images, PIXELS, C); a program computes an image. `modulation` (images, 2, C) is scale and shift."""
    image = tl.program_id(0)
    c = tl.arange(0, C)[None, :]
    at = image * (PIXELS * C) + tl.arange(0, PIXELS)[:, None] * C + c
    h, _ = normalised(tl.load(x + at).to(tl.float32), PIXELS, C, GROUPS)
    u = h * tl.load(weight + c) + tl.load(bias + c)
    if MODULATED:
        own = modulation + image * (2 * C) + c
        u = u * (1.0 + tl.load(own).to(tl.float32)) + tl.load(own + C).to(tl.float32)
    tl.store(y + at, (u * tl.sigmoid(u)).to(y.dtype.element_ty))


@triton.jit
def activate_groups_backward(
    x, weight, bias, modulation, gradient, of_x, of_parameters, of_modulation,
    PIXELS: tl.constexpr, C: tl.constexpr, GROUPS: tl.constexpr, MODULATED: tl.constexpr,
):  # fmt: skip
    """The gradients of x and of the modulation from that of y, and each image's part of those of weight and bias.

    `of_parameters` is (images, 2, C).
    """
    image = tl.program_id(0)
    c = tl.arange(0, C)[None, :]
    at = image * (PIXELS * C) + tl.arange(0, PIXELS)[:, None] * C + c
    h, inverse = normalised(tl.load(x + at).to(tl.float32), PIXELS, C, GROUPS)
    w = tl.load(weight + c)
    u = h * w + tl.load(bias + c)
    v = u
    own = image * (2 * C) + c
    if MODULATED:
        scale = 1.0 + tl.load(modulation + own).to(tl.float32)
        v = u * scale + tl.load(modulation + own + C).to(tl.float32)
    share = tl.sigmoid(v)
    d = tl.load(gradient + at).to(tl.float32) * share * (1.0 + v * (1.0 - share))
    if MODULATED:
        tl.store(of_modulation + own, tl.sum(d * u, 0)[None, :].to(of_modulation.dtype.element_ty))
        tl.store(of_modulation + own + C, tl.sum(d, 0)[None, :].to(of_modulation.dtype.element_ty))
        d = d * scale
    tl.store(of_parameters + own, tl.sum(d * h, 0)[None, :])
    tl.store(of_parameters + own + C, tl.sum(d, 0)[None, :])
    d = d * w
    found = inverse * (d - of_groups(d, PIXELS, C, GROUPS) - h * of_groups(d * h, PIXELS, C, GROUPS))
    tl.store(of_x + at, found.to(of_x.dtype.element_ty))
