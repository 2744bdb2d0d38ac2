"""What lies between the launches of a whole step: besides the forward pass the gradients, and what they belong to."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from core.kernels.gpu.layers import MIDDLE, Layer
from core.kernels.gpu.memory import Memory, Slots
from core.kernels.gpu.plan.forward import KINDS, LAST_ROW, LATENT, ForwardPlan, Tables, integers, joined, padded
from core.kernels.gpu.plan.tables import backward_table, forward_table, pixelwise_table, transpose, whole_table
from core.kernels.gpu.tiles import WEIGHTS, Tiles


class Plan(ForwardPlan):
    """All tensors of a step besides what it trains, for batches up to a size."""

    def __init__(
        self, encoder: list[Layer], decoder: list[Layer], preset: str, memory: Memory, tiles: Tiles, batch: int,
        low: bool, optimal: bool,
    ) -> None:  # fmt: skip
        numbers = torch.bfloat16 if low else torch.float32
        super().__init__(encoder, decoder, preset, memory, tiles, batch, numbers, "tf32")
        self.memory, self.optimal = memory, optimal
        backward = self._backward_tables()
        self._lay_out_matrices(self._forward_tables() | {f"{name} back": found for name, found in backward.items()})
        self._lay_out_gradients(backward)
        self._lay_out_activations()
        self._lay_out_partials({layer.name: self._parts_of_gradient(layer) for layer in self.layers})
        self.weights_of_kl = self._empty(1)
        self.totals = self._empty(2, dtype=torch.float64)
        self.squares = self._empty(memory.blocks)

    def _backward_tables(self) -> Tables:
        """What the matrices of the way back are made of; the first layer passes nothing back, but has a gradient."""
        tables: Tables = {}
        for layer in self.layers:
            if layer is self.decoder[0]:
                table = whole_table(layer.channels_in, layer.channels_out, True)
            else:
                make = forward_table if layer is self.layers[0] else backward_table
                table = make(layer, self.tiles.backward(layer).block)
            tables[layer.name] = table, f"{layer.name}.0.weight"
        if self.kind == KINDS["vae"]:
            tables["mean"] = pixelwise_table(8, range(4), True), "head.weight"
            tables["spread"] = pixelwise_table(8, range(4, 8), True), "head.weight"
        return tables

    def _lay_out_gradients(self, backward: Tables) -> None:
        """Room for the gradients of matrices and normalisations, and which of them a weight's gradient is made of."""
        self.gradient_places = Slots()
        back: dict[str, list[Tensor]] = {}

        def keep(name: str, size: int, of_weights: Iterable[tuple[str, Tensor]]) -> None:
            """Room for a gradient, whose entries (weights, terms) belong to these weights."""
            start = self.gradient_places.add(name, size)
            for weight, entries in of_weights:
                back.setdefault(weight, []).append(torch.where(entries >= 0, entries + start, -1))

        def of_matrix(name: str, first: int = 0) -> tuple[str, Tensor]:
            table, weight = backward[name]
            entries = transpose(table, self.memory.places.size(weight))
            return weight, torch.where(entries >= 0, entries + first, -1)

        for layer in self.layers:
            size = backward[layer.name][0][..., 0].numel()
            of_weights = [of_matrix(layer.name)]
            if layer is self.decoder[0] and self.kind == KINDS["vae"]:  # the head's share its rows
                head = 8 * MIDDLE**2 * LATENT
                of_weights += [of_matrix("mean", size), of_matrix("spread", size + head)]
                pixels = torch.arange(MIDDLE**2) * 4
                biases = [part * LATENT + torch.arange(4)[:, None] + pixels[None, :] for part in range(2)]
                of_weights.append(("head.bias", torch.cat(biases) + size + 2 * head))
                size += 2 * (head + LATENT)
            keep(layer.name, size, of_weights)
            for kind in ("weight", "bias"):
                entries = torch.arange(layer.channels_out)[:, None]
                keep(f"{layer.name} {kind}", layer.channels_out, [(f"{layer.name}.1.{kind}", entries)])
        bias = (self.last.replace("weight", "bias"), torch.full((1, 1), 8))
        keep("last", LAST_ROW, [(self.last, torch.arange(8)[:, None]), bias])
        self.gradients = self._empty(self.gradient_places.length)
        self._lay_out_terms(back)

    def _lay_out_terms(self, back: dict[str, list[Tensor]]) -> None:
        """For each weight where parts of its gradient are."""
        length = self.memory.places.length
        merged = {name: torch.cat(found, dim=1) for name, found in back.items()}
        terms = torch.full((length, max(found.shape[1] for found in merged.values())), -1)
        for name, found in merged.items():
            start = self.memory.places.start(name)
            terms[start : start + len(found), : found.shape[1]] = found
        terms = terms.sort(dim=1, descending=True).values  # what is none comes last
        most = int((terms >= 0).sum(1).max())
        self.gradient_table = joined([terms[:, :most]], self.device)
        blocks = padded(terms, WEIGHTS).view(self.memory.blocks, WEIGHTS, -1)
        self.gradient_terms = integers([int((block >= 0).sum(1).max()) for block in blocks], self.device)

    def _lay_out_activations(self) -> None:
        """What the way back reads, of every layer, and the gradients between the layers."""
        self.gradient: dict[str, Tensor] = {}
        self.sums_back: dict[str, Tensor] = {}
        for layer in self.layers:
            size, channels = layer.size, layer.channels_out
            self.z[layer.name] = self._empty(self.batch, size, size, channels, dtype=self.low)
            if layer.pooled_after:
                size //= 2
                self.pooled[layer.name] = self._empty(self.batch, size, size, channels, dtype=self.low)
                self.winners[layer.name] = self._empty(self.batch, size, size, channels, dtype=torch.int8)
            self.gradient[layer.name] = self._empty(self.batch, size, size, channels, dtype=self.low)
            self.sums_back[layer.name] = self._empty(2, channels, self.capacity_back(layer))
        self.sums_back[self.layers[-1].name] = self.sums_of_output

    def _parts_of_gradient(self, layer: Layer) -> int:
        """How many entries all programs leave of a layer's gradient."""
        return self.parts(layer, self.batch, back=True) * self.row(layer.name)

    def row(self, name: str) -> int:
        """The entries of a gradient that programs leave in parts."""
        return self.gradient_places.size(name)

    def gradient_of(self, name: str) -> Tensor:
        """A gradient that was added up, of all runs."""
        return self.gradients.view(-1)[self.gradient_places.start(name) :]
