"""What lies between the launches of a forward pass that normalises by running statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from core.kernels.gpu.layers import Layer
from core.kernels.gpu.memory import Frozen
from core.kernels.gpu.plan.forward import FEWEST_PARTS, ForwardPlan, power_of_two
from core.kernels.gpu.tiles import Tiles

MOST = 1000  # images; the kernels do not depend on how many of them there are


class EvaluationPlan(ForwardPlan):
    """The tensors of a forward pass on at most MOST images at once, products in proper float32.

    Layers are normalised by the sums that the running statistics would come from: as z is what differs from the running
    mean, the mean is 0. Layers write in turns to two places, as only the next one reads what one has written.
    """

    def __init__(self, encoder: list[Layer], decoder: list[Layer], preset: str, frozen: Frozen, batch: int) -> None:
        super().__init__(encoder, decoder, preset, frozen, Tiles(), batch, torch.float32, "tf32x3")
        self._lay_out_matrices(self._forward_tables())
        self._lay_out_partials({})
        self._known = {layer.name: self._empty(2, layer.channels_out, FEWEST_PARTS) for layer in self.layers}
        self._unused = torch.zeros_like(frozen.statistics)
        largest = max(layer.size**2 * layer.channels_out for layer in self.layers)
        turns = self._empty(self.batch, largest), self._empty(self.batch, largest)
        larger_than_pooled = self._empty(self.batch, largest)
        for number, layer in enumerate(self.layers):
            own = turns[number % 2]
            if layer.pooled_after:
                self.pooled[layer.name], self.z[layer.name] = own, larger_than_pooled
                self.winners[layer.name] = self._empty(self.batch, layer.size**2 * layer.channels_out // 4).to(
                    torch.int8
                )
            else:
                self.z[layer.name] = own

    def know(self, count: int) -> None:
        """Set the sums of so many images to what the running statistics say."""
        for layer in self.layers:
            variance = self.statistic(layer)[layer.channels_out : 2 * layer.channels_out]
            torch.mul(variance, count * layer.size**2, out=self._known[layer.name][0, 1, :, 0])

    def capacity(self, layer: Layer) -> int:
        """That of the largest batch there may be."""
        return power_of_two(self.parts(layer, MOST))

    def capacity_back(self, layer: Layer) -> int:
        """The same for the gradient that the loss leaves."""
        return power_of_two(self.parts_back(layer, MOST))

    def read_sums(self, layer: Layer, count: int) -> tuple[Tensor, int, int]:
        """One, for all."""
        return self._known[layer.name], 1, FEWEST_PARTS

    def read_statistic(self, layer: Layer) -> Tensor:
        """Nothing that counts: running statistics stay as they are."""
        return self._unused[0, self.weights_of.statistic_places.start(f"{layer.name}.1.running_mean") :]
