"""The pixels of an image that are known, and the latents that agree with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from core.arrays import Bools, Images
from core.cores import fixed_threads
from core.shapes import PADDING

NOISE = 0.02  # variance of a known pixel about what a latent decodes to: the squared error of a good reconstruction
RATE = 0.1  # of Adam
TOLERANCE, SLACK = 2.0, 1.0  # how much larger than the least error those of other answers may be

Decode = Callable[[Tensor], Tensor]  # images (N, 1, 32, 32) of points (N, ...)


@dataclass(frozen=True, eq=False)
class VisiblePixels:
    """Known pixels of an image (32, 32), which is 0 where they are not, and 1 where they are."""

    image: Tensor
    known: Tensor

    @classmethod
    def of(cls, image: Images, hidden: Bools) -> VisiblePixels:
        """Of an image (28, 28) in [0, 1] and which of its pixels are hidden; what models pad with is known."""
        whole = pad(torch.from_numpy(np.where(hidden, np.float32(0), image)), (PADDING,) * 4)
        return cls(whole, pad(torch.from_numpy(~hidden).float(), (PADDING,) * 4, value=1.0))

    def errors(self, output: Tensor) -> Tensor:
        """Squared errors (N,) of images (N, 1, 32, 32), summed over the known pixels."""
        return (self.known * (output[:, 0] - self.image)).square().sum(dim=(1, 2))

    def agreeing(
        self,
        decode: Decode,
        centre: Tensor,
        variance: float,
        steps: int,
        report: Callable[[int, int], object] = lambda done, total: None,
    ) -> Tensor:
        """The likeliest points (N, ...) near a centre, from which they stray by this variance, for the known pixels.

        By so many steps of Adam on the negative logarithm of the posterior; what `report`, which is told how many of
        them are done, raises ends it.
        """
        with torch.enable_grad(), fixed_threads(1):
            point = centre.clone().requires_grad_()
            optimizer = torch.optim.Adam([point], RATE)
            for step in range(steps):
                report(step, steps)
                optimizer.zero_grad()
                strayed = (point - centre).square().sum() / (2 * variance)
                (self.errors(decode(point)).sum() / (2 * NOISE) + strayed).backward()
                optimizer.step()
        return point.detach()

    def varied(self, output: Tensor, count: int) -> Tensor:
        """The places (count,) of images (N, 1, 32, 32) that differ most where nothing is known, the best one first.

        Each is the one farthest from those before it, among those that agree with the known pixels, or the `count`
        that do so best. Gonzalez 1985.
        """
        errors = self.errors(output)
        bound = torch.maximum(TOLERANCE * errors.min() + SLACK, errors.sort().values[count - 1])
        allowed = (errors <= bound).nonzero()[:, 0]
        guessed = ((1 - self.known) * output[:, 0].clamp(0, 1))[allowed].flatten(1)
        chosen = [int(errors[allowed].argmin())]
        while len(chosen) < count:
            away = torch.cdist(guessed, guessed[chosen]).amin(dim=1)
            away[chosen] = -1.0
            chosen.append(int(away.argmax()))
        return allowed[chosen]
