"""The parts of the loss summed over images, as the host sees them, and what it means when they are no numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from core.models.autoencoder import KlWeight

NOT_VALIDATED = dict.fromkeys(("val_loss", "val_reconstruction", "val_kl"))


class Diverged(Exception):
    """The loss or the weights are no longer finite numbers; the last saved state still holds finite ones."""


@dataclass(frozen=True)
class LossTotals:
    """Sums over images of the parts of the loss."""

    images: int = 0
    reconstruction: float = 0.0
    kl: float = 0.0

    def __add__(self, other: LossTotals) -> LossTotals:
        return LossTotals(self.images + other.images, self.reconstruction + other.reconstruction, self.kl + other.kl)

    def __sub__(self, other: LossTotals) -> LossTotals:
        return self + LossTotals(-other.images, -other.reconstruction, -other.kl)

    def means(self, kl_weight: KlWeight, prefix: str = "") -> dict[str, float]:
        """The means over images, and the loss that they make, under the names of metrics.jsonl."""
        reconstruction, kl = self.reconstruction / self.images, self.kl / self.images
        return {
            f"{prefix}loss": kl_weight.total(reconstruction, kl),
            f"{prefix}reconstruction": reconstruction,
            f"{prefix}kl": kl,
        }


def finite_sums(images: int, sums: Tensor, what: str, step: int) -> LossTotals:
    """The sums as the host sees them. Raises Diverged when one is not finite."""
    reconstruction, kl = sums.tolist()
    if not math.isfinite(reconstruction + kl):
        raise Diverged(f"the {what} is no longer a finite number at step {step}")
    return LossTotals(images, reconstruction, kl)
