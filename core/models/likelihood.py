"""What a decoder says of pixels: numbers with a variance around its output, or a probability of each to be white."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor
from torch.nn import functional

from core.shapes import PADDED_SIZE, PADDING

PIXELS = PADDED_SIZE**2
INSIDE = slice(PADDING, -PADDING)


class Likelihood(StrEnum):
    """p(x | z) of images (B, 1, 32, 32), from what the decoder gives for z, of the same shape.

    Gaussian: the output is the mean, and the squared error its logarithm but for the variance and a constant.
    Bernoulli: the output is the logit of a white pixel, of the 28x28 that an image has; the padding is always black.
    """

    GAUSSIAN = "gaussian"
    BERNOULLI = "bernoulli"

    def images(self, output: Tensor) -> Tensor:
        """The expected images of an output."""
        if self is Likelihood.GAUSSIAN:
            return output
        return functional.pad(torch.sigmoid(output[..., INSIDE, INSIDE]), (PADDING,) * 4)

    def error(self, x: Tensor, output: Tensor) -> Tensor:
        """The squared error of each image, (B,), or the cross-entropy in nats: minus the logarithm of p(x | z)."""
        if self is Likelihood.GAUSSIAN:
            return (output - x).square().sum(dim=(1, 2, 3))
        x, output = (each[..., INSIDE, INSIDE] for each in torch.broadcast_tensors(x, output))
        return functional.binary_cross_entropy_with_logits(output, x, reduction="none").sum(dim=(1, 2, 3))

    def drawn(self, x: Tensor, chance: Tensor) -> Tensor:
        """The images that the likelihood is of: each pixel white with its brightness as probability, if Bernoulli.

        `chance` (B, 1024) is uniform in [0, 1). Salakhutdinov & Murray 2008; drawn anew for each step.
        """
        return x if self is Likelihood.GAUSSIAN else (chance.view_as(x) < x).to(x.dtype)
